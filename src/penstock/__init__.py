"""penstock"""
