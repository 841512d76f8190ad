"""The model as trainers hand it over: what to hook, and what its forward returned."""
