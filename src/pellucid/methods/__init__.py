"""The methods, their contracts (`base`) and the one table that lists them (`catalog`)."""
