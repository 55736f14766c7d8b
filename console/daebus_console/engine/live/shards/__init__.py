"""Reading where each channel belongs to one node of a cluster (sharded Pub/Sub). Knows no exchange."""
