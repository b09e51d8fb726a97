"""What a person in a notebook calls; `import benchmark` has it all."""
