"""What the detail pane can show, as documents of lines: payloads as trees, a timeline, raw bytes. Pure."""
