"""The demo incident: a small shop, a bad change, its symptoms, decoys and noise, told through real sources' doors."""
