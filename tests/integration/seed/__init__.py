"""Services written as the user's guide writes them, run by `test_seed.py` as processes of their own."""
