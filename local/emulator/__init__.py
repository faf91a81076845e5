"""The emulated AWS: MiniStack at one pinned version, with small patches where it is not faithful to what Slipway leans on."""
