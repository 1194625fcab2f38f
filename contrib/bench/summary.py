"""What was measured in one run beside what is wanted, as one table at its end."""

ROWS = []


def add(what, measured, wanted, kept):
    ROWS.append((what, measured, wanted, "kept" if kept else "MISSED"))


def show():
    if not ROWS:
        return
    widths = [max(len(row[column]) for row in ROWS) for column in range(3)]
    print("\nall of it:")
    for row in ROWS:
        cells = [cell.ljust(width) for cell, width in zip(row, widths)]
        print("  " + "  ".join([*cells, row[3]]))
