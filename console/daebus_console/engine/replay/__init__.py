"""Sending again what was seen: plan, pace, wire, links with the origin, and the report of what differs."""
