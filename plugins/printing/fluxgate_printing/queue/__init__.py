"""The print queue: the job state machine, its repository, and the dispatcher that brings jobs to printers."""
