"""Plots as inline SVG: lines over time, and dots for the sweep. No scripts, no outside files."""
import html

COLOURS = {"ours": "#0b6e4f", "nginx": "#c1440e", "haproxy": "#2a5fb0", "haproxy-strict": "#7a4fa3", "fxa19": "#a67c00", "fxa25": "#5b5b5b", "none": "#b0b0b0"}


def text(x, y, words, anchor="start", size=11, colour="#333"):
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" fill="{colour}">{html.escape(str(words))}</text>'


class Frame:
    def __init__(self, width, height, x_range, y_range, title, x_name, y_name):
        self.left, self.top, self.right, self.bottom = 46, 26, width - 12, height - 34
        self.x_range, self.y_range = x_range, y_range
        self.parts = [f'<svg viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img" font-family="sans-serif">', text(self.left, 16, title, size=13)]
        for k in range(5):
            y = self.y_range[0] + (self.y_range[1] - self.y_range[0]) * k / 4
            self.parts.append(f'<line x1="{self.left}" x2="{self.right}" y1="{self.y(y):.1f}" y2="{self.y(y):.1f}" stroke="#ddd"/>')
            self.parts.append(text(self.left - 5, self.y(y) + 4, f"{y:g}", "end", 10))
            x = self.x_range[0] + (self.x_range[1] - self.x_range[0]) * k / 4
            self.parts.append(text(self.x(x), self.bottom + 14, f"{x:g}", "middle", 10))
        self.parts.append(text((self.left + self.right) / 2, height - 4, x_name, "middle", 10))
        self.parts.append(text(self.right, 16, y_name, "end", 10))

    def x(self, value):
        a, b = self.x_range
        return self.left + (self.right - self.left) * (min(max(value, a), b) - a) / ((b - a) or 1)

    def y(self, value):
        a, b = self.y_range
        return self.bottom - (self.bottom - self.top) * (min(max(value, a), b) - a) / ((b - a) or 1)

    def band(self, begin, end):
        self.parts.insert(1, f'<rect x="{self.x(begin):.1f}" width="{self.x(end) - self.x(begin):.1f}" y="{self.top}" height="{self.bottom - self.top}" fill="#faeaea"/>')

    def line(self, points, colour, dots=False):
        if points:
            path = " ".join(f"{self.x(x):.1f},{self.y(y):.1f}" for x, y in points)
            self.parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.6"/>')
        if dots:
            for x, y in points:
                self.dot(x, y, colour)

    def dot(self, x, y, colour, radius=3):
        self.parts.append(f'<circle cx="{self.x(x):.1f}" cy="{self.y(y):.1f}" r="{radius}" fill="{colour}"/>')

    def done(self):
        return "".join(self.parts) + "</svg>"


def legend(names):
    return "<p>" + " ".join(f'<span style="color:{COLOURS.get(n, "#000")}">&#9632; {html.escape(n)}</span>' for n in names) + "</p>"


def over_time(runs, title):
    """Part of the attack that got through and part of people refused, second by second."""
    total = sum(runs[0]["seconds"])
    begin, end = runs[0]["seconds"][0], runs[0]["seconds"][0] + runs[0]["seconds"][1]
    through = Frame(470, 220, (0, total), (0, 100), title, "seconds", "attack let through, %")
    refused = Frame(470, 220, (0, total), (0, 20), "people refused, % (cut at 20)", "seconds", "")
    for frame in (through, refused):
        frame.band(begin, end)
    for run in runs:
        colour = COLOURS.get(run["target"], "#000")
        through.line([(s[0] + 2.5, 100 * s[5] / s[4]) for s in run["slots"] if s[4]], colour)
        refused.line([(s[0] + 2.5, 100 * s[2] / s[1]) for s in run["slots"] if s[1]], colour)
    return through.done() + refused.done()


def roc(curves, single):
    """curves: {anchor: [(people refused %, attack stopped %)] in the order of the factors}; single: {front: point}."""
    frame = Frame(620, 380, (0, 12), (0, 100), "limits from 1/8 to 8 times: attack stopped against people refused", "people refused, % (cut at 12)", "attack stopped, %")
    for name, points in curves.items():
        frame.line(points, COLOURS.get(name, "#000"), dots=True)
    for name, (x, y) in single.items():
        frame.dot(x, y, COLOURS.get(name, "#000"), 6)
    return frame.done()
