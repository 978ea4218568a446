"""Tests, in folders by room and cost."""
