"""Scraping: from sites to folders that `build --from` reads."""
