package io.github.wandacuda.checkpoint.gguf;

import io.github.wandacuda.checkpoint.gguf.GgufFiles.Stored;
import io.github.wandacuda.error.ErrorDetails;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

/**
 * A part of a tensor under a name of its own: whole matrices of a stack, whole rows, and of each
 * row whole blocks of codes. So its bytes are bytes of the source.
 *
 * @param name of the smaller model's tensor
 * @param stored the source's tensor
 * @param kept the indexes that stay by dimension, outermost first, ascending; all where null
 */
@SuppressWarnings("ArrayRecordComponent") // Never compared
record GgufSlice(String name, Stored stored, List<int[]> kept) {
  /** Takes a number of bytes of the source's tensor, from an offset in it on. */
  @FunctionalInterface
  interface Range {
    void take(long offset, long bytes);
  }

  static GgufSlice whole(Stored stored) {
    return new GgufSlice(
        stored.name(),
        stored,
        stored.tensor().shape().stream().map(size -> range(Math.toIntExact(size))).toList());
  }

  private static int[] range(int size) {
    return IntStream.range(0, size).toArray();
  }

  /** Returns the sizes of what stays, outermost first. */
  List<Long> shape() {
    return kept.stream().map(indexes -> (long) indexes.length).toList();
  }

  int dimensions() {
    return kept.size();
  }

  /** Returns the size of a dimension of what stays. */
  int size(int dimension) {
    return kept.get(dimension).length;
  }

  long bytes() {
    return type().bytes(shape().stream().reduce(1L, Math::multiplyExact));
  }

  GgufType type() {
    return stored.tensor().type();
  }

  GgufSlice named(String other) {
    return new GgufSlice(other, stored, kept);
  }

  /**
   * Keeps some indexes of a dimension.
   *
   * @param indexes of what is left so far, ascending
   * @throws io.github.wandacuda.error.UsageException if these are elements of a row that are no
   *     whole blocks of codes
   */
  GgufSlice keep(int dimension, int[] indexes) {
    int[] now = kept.get(dimension);
    int[] next = Arrays.stream(indexes).map(index -> now[index]).toArray();
    if (dimension == kept.size() - 1) {
      requireBlocks(next);
    }
    List<int[]> all = new ArrayList<>(kept);
    all.set(dimension, next);
    return new GgufSlice(name, stored, List.copyOf(all));
  }

  private void requireBlocks(int[] elements) {
    int block = type().blockElements();
    boolean whole = elements.length % block == 0;
    for (int at = 0; whole && at < elements.length; at += block) {
      whole = elements[at] % block == 0 && elements[at + block - 1] == elements[at] + block - 1;
    }
    if (!whole) {
      throw ErrorDetails.tensor(stored.file().path(), stored.name())
          .hint("a block of codes has one scale, so it stays or goes as a whole")
          .refused("columns in whole blocks of %d".formatted(block), "others of its " + type());
    }
  }

  /** Visits the source's bytes in the order of what stays, neighbours as one range. */
  void forEach(Range range) {
    Merger merger = new Merger(range);
    visit(0, 0, merger);
    merger.end();
  }

  private void visit(int dimension, long row, Merger merger) {
    if (dimension < kept.size() - 1) {
      for (int index : kept.get(dimension)) {
        visit(dimension + 1, row * stored.tensor().shape().get(dimension) + index, merger);
      }
      return;
    }
    int[] elements = kept.getLast();
    int block = type().blockElements();
    long rowOffset = row * stored.tensor().rowBytes();
    if (elements.length == stored.tensor().columns()) {
      merger.take(rowOffset, stored.tensor().rowBytes());
      return;
    }
    for (int at = 0; at < elements.length; at += block) {
      merger.take(rowOffset + type().bytes(elements[at]), type().blockBytes());
    }
  }

  /** Makes one range of those that follow each other. */
  private static final class Merger {
    private final Range range;
    private long begin;
    private long end;

    Merger(Range range) {
      this.range = range;
    }

    void take(long offset, long bytes) {
      if (offset != end) {
        end();
        begin = offset;
      }
      end = offset + bytes;
    }

    void end() {
      if (end > begin) {
        range.take(begin, end - begin);
      }
      begin = end;
    }
  }
}
