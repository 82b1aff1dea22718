"""Demo: sample stories go round the loop once, told, answered and judged by scripted people over the real ways in."""
