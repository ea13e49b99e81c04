//! What to say about rules once they have met the data.
