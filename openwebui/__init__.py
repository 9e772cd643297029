"""What the box tells Open WebUI, over Open WebUI's own HTTP interface. Standard library only."""
