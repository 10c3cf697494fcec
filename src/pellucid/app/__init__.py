"""What a user can do, one file per verb. The command line and the page call nothing else."""
