"""What keeps our rules alive on the bus and lets go what is held: asks services, renews leases, follows steps."""
