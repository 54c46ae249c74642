package io.github.wandacuda.text;

import java.util.Arrays;

/**
 * The offsets of a file's lines that hold more than JSON's white space. It is given the file piece
 * by piece, from the first byte to the last.
 */
final class LineIndex {
  private long[] starts = new long[1024];
  private long[] numbers = new long[1024];
  private int count;
  private long length;
  private long lineStart;
  private long lineNumber = 1;
  private boolean blankSoFar = true;

  void append(byte[] bytes, int size) {
    int from = 0;
    while (from < size) {
      int end = indexOfNewline(bytes, from, size);
      if (blankSoFar && !isBlank(bytes, from, end)) {
        blankSoFar = false;
        add();
      }
      if (end < size) {
        blankSoFar = true;
        lineStart = length + end + 1;
        lineNumber++;
      }
      from = end + 1;
    }
    length += size;
  }

  /** Returns the number of lines that aren't blank. */
  int count() {
    return count;
  }

  /** Returns a line's number in the file, from 1, blank lines counted. */
  long number(int line) {
    return numbers[line];
  }

  /** Returns the offset, in bytes, of the first byte of a line that isn't blank. */
  long start(int line) {
    return starts[line];
  }

  /** Returns the offset behind a line, its line end, and the blank lines that follow it. */
  long end(int line) {
    return line + 1 < count ? starts[line + 1] : length;
  }

  private static int indexOfNewline(byte[] bytes, int from, int size) {
    int i = from;
    while (i < size && bytes[i] != '\n') {
      i++;
    }
    return i;
  }

  private static boolean isBlank(byte[] bytes, int from, int end) {
    for (int i = from; i < end; i++) {
      if (bytes[i] != ' ' && bytes[i] != '\t' && bytes[i] != '\r') {
        return false;
      }
    }
    return true;
  }

  private void add() {
    if (count == starts.length) {
      int larger = Math.multiplyExact(count, 2);
      starts = Arrays.copyOf(starts, larger);
      numbers = Arrays.copyOf(numbers, larger);
    }
    starts[count] = lineStart;
    numbers[count] = lineNumber;
    count++;
  }
}
