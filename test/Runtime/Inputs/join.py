"""Prints the text that the lines of hybrid-run --json say."""
import json
import sys

events = [json.loads(line) for line in open(sys.argv[1])]
text = "".join(e.get("text", "") for e in events if e["event"] == "token")
ends = [e for e in events if e["event"] == "end"]
assert [text + ends[0]["rest"]] == [e["text"] for e in ends], (text, ends)
print(ends[0]["text"])
