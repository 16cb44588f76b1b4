#!/bin/bash
# check-links.sh [DIRECTORY]   checks the citations and links in the files of the project, or of DIRECTORY
#
# It fails when
# - a file cites a page or a section of spec/ or docs/ that does not exist: a page's path and then its title in quotes,
#   with or without a comma between them, also across the lines of a comment;
# - a page is cited in a form that this script does not know and so cannot check;
# - a link of a page leads nowhere;
# - spec/README.md has no link to a page or schema of spec/;
# - the title of a page of docs/decisions is not "# NNNN · Words", with the number of its file.
set -euo pipefail
root=${1:-$(dirname "$0")/..}
exec python3 - "$root" << 'PYTHON'
import os, re, sys

os.chdir(sys.argv[1])
faults = []
counts = dict.fromkeys(["citations", "sections", "links"], 0)

def fault(file, text, offset, sentence):
    faults.append(f"{file}:{text.count(chr(10), 0, offset) + 1}: {sentence}")

def files():
    for directory, folders, names in os.walk("."):
        folders[:] = sorted(f for f in folders if f not in (".build", ".git"))
        for name in sorted(names):
            # CitationTests cites pages that do not exist.
            if name != "CitationTests.swift" and re.search(r"\.(swift|h|c|cpp|sh|py|go|md|json|modulemap)$|^(Makefile|run)$", name):
                yield os.path.relpath(os.path.join(directory, name))

titles = {}
def sections(page):
    """The titles of a page, by the anchors that lead to them."""
    if page not in titles:
        with open(page, encoding="utf-8") as file:
            found = re.findall(r"^#+ (.*?) *$", file.read(), re.M)
        titles[page] = {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-"): title for title in found}
    return titles[page]

# A space, or the end of a comment's line and the start of the next line.
space = r"(?:[ \t]|\n[ \t]*(?:///?|#|\*)?)+"
page_name = r"[\w-]+\.md"
citation = re.compile(rf'(?P<page>[\w./-]*/?{page_name})\b(?:,?{space}\\?"(?P<title>[^"\\]{{1,100}})\\?")?')
link = re.compile(r"\]\((?P<path>[^)#\s:]*)(?:#(?P<anchor>[^)\s]*))?\)")
path = re.compile(r"(?<![\w./-])/?(?P<path>(?:spec|docs)/[\w./-]*[\w/])")
# Citations in other forms: after a page, after a title, and anywhere.
odd_section = re.compile(rf'(?:(?:{space})?[,:(]+(?:{space})?|{space})(?:§|sections?\b|\\?["“‘«])|#\w')
odd_title = re.compile(rf',?{space}(?:and{space})?\\?["“]')
odd_page = re.compile(r'\b(?:[Dd]ecisions?|ADR) \d{4}\b|\b(?:spec|docs/decisions)/[a-z-]+,? \\?"')

for file in files():
    with open(file, encoding="utf-8") as opened:
        text = opened.read()
    taken = []
    if file.endswith(".md"):
        for match in link.finditer(text):
            taken.append(match.span())
            counts["links"] += 1
            target = os.path.normpath(os.path.join(os.path.dirname(file), match["path"])) if match["path"] else file
            if not os.path.exists(target):
                fault(file, text, match.start(), f"{target} does not exist")
            elif match["anchor"] and match["anchor"] not in sections(target):
                fault(file, text, match.start(), f"{target} has no section #{match['anchor']}")
    for match in citation.finditer(text):
        if any(start <= match.start() < end for start, end in taken):
            continue
        name = match["page"]
        # "\(root)/spec/check.md" in code, and names of pages in the same directory, without a directory.
        page = re.sub(r"^/(?=spec/|docs/)", "", name)
        if "/" not in page and file.endswith(".md"):
            page = next((p for p in (os.path.join(os.path.dirname(file), page), page) if os.path.exists(p)), page)
        elif "/" not in page:
            if page in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md"):
                continue
            fault(file, text, match.start(), f"write the page as spec/{name} or docs/decisions/{name}")
            continue
        counts["citations"] += 1
        if not os.path.exists(page):
            fault(file, text, match.start(), f"{page} does not exist")
        elif match["title"] is None:
            if odd := odd_section.match(text, match.end()):
                fault(file, text, match.start(), f'write the citation as {page}, "TITLE", not {name}{odd[0]}…')
        else:
            counts["sections"] += 1
            title = re.sub(r"[ \t]*\n[ \t]*(?:///?|#|\*)?[ \t]*", " ", match["title"])
            if title not in sections(page).values():
                fault(file, text, match.start(), f'{page} has no section "{title}"')
            if odd_title.match(text, match.end()):
                fault(file, text, match.end(), f"write {page} before its second section, too")
    for match in path.finditer(text):
        if not match["path"].endswith(".md") and not os.path.exists(match["path"]):
            fault(file, text, match.start(), f"{match['path']} does not exist")
    for match in odd_page.finditer(text):
        fault(file, text, match.start(), f"cite the page by its path: {match[0]}")

linked = set()
if os.path.exists("spec/README.md"):
    with open("spec/README.md", encoding="utf-8") as opened:
        linked = {os.path.normpath(os.path.join("spec", match["path"])) for match in link.finditer(opened.read())}
pages = [os.path.join(d, n) for d, _, names in sorted(os.walk("spec")) for n in sorted(names)]
for page in pages:
    if page != "spec/README.md" and page not in linked:
        faults.append(f"spec/README.md: no link to {page}")

for name in sorted(os.listdir("docs/decisions")) if os.path.isdir("docs/decisions") else []:
    with open(f"docs/decisions/{name}", encoding="utf-8") as opened:
        title = opened.readline()
    if not re.match(r"\d{4}-[a-z-]+\.md$", name) or not re.match(rf"# {name[:4]} · \S", title):
        faults.append(f"docs/decisions/{name}:1: the title is not \"# {name[:4]} · …\"")

print("\n".join(faults), end="\n" if faults else "", file=sys.stderr)
print(f"checked {counts['citations']} citations of pages, {counts['sections']} of them of a section; "
      f"{counts['links']} links; {len(pages)} files of spec/")
sys.exit(1 if faults else 0)
PYTHON
