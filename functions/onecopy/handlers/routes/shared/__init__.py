"""What several resources share: items of an answer, what a folder shows, jobs, selections. No route here."""
