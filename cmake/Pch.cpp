// Owns the precompiled header that every compiler room reuses.
