#!/bin/sh
# Debian's manuals in Chinese and English, HTML and PDF, under .cache/manuals: the real documents the benchmarks read.
# Needs apt-get download (Debian) and the network the first time.
set -eu
cd "$(dirname "$0")/.."
out=.cache/manuals
[ -e "$out/done" ] && exit 0
mkdir -p "$out/deb" "$out/root"
(cd "$out/deb" && apt-get download debian-reference-zh-cn debian-reference-en debian-faq debian-faq-zh-cn \
    installation-guide-amd64 maint-guide-zh-cn debian-handbook)
for package in "$out"/deb/*.deb; do dpkg -x "$package" "$out/root"; done
rm -rf "$out/docs"
mkdir -p "$out/docs"
doc=$out/root/usr/share/doc
reference=$out/root/usr/share/debian-reference
mkdir -p "$out/docs/reference"
cp "$reference"/debian-reference.zh-cn.pdf "$reference"/debian-reference.en.pdf "$out/docs/reference/"
# one folder a manual and language; only text, no pictures or styles
copy() { # FROM TO PATTERN
    mkdir -p "$out/docs/$2"
    find -L "$1" -maxdepth 1 -type f -name "$3" -exec cp {} "$out/docs/$2/" \;
}
copy "$doc/debian/FAQ" faq-en '*.en.html' # NAME.html are links to the same files
copy "$doc/debian/FAQ/zh-cn" faq-zh '*.html'
copy "$doc/installation-guide-amd64/en" install-en '*.html'
copy "$doc/installation-guide-amd64/zh_CN" install-zh '*.html'
copy "$doc/maint-guide-zh-cn" maint-zh '*.pdf'
copy "$doc/debian-handbook/html/en-US" handbook-en '*.html'
copy "$doc/debian-handbook/html/zh-CN" handbook-zh '*.html'
find "$out/docs" -type f | wc -l
du -sh "$out/docs"
touch "$out/done"
