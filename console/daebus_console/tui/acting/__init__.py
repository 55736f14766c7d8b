"""What is done from the screen: commands entered, actions of the palette, messages edited. Draws nothing."""
