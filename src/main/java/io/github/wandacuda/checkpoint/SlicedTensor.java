package io.github.wandacuda.checkpoint;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.function.ObjLongConsumer;

/**
 * A tensor that is made of parts of another one, byte for byte. The other is cut into rows of equal
 * length, and the same parts of every row are kept.
 *
 * @param name its own
 * @param shard holds the other tensor; stays open for as long as this is read
 * @param source the other tensor
 * @param shape its own
 * @param rows how many rows the other is cut into; only one if the cut is along its first dimension
 * @param runs the bytes of a row that are kept, in ascending order
 */
public record SlicedTensor(
    String name,
    SafetensorsFile shard,
    TensorInfo source,
    List<Long> shape,
    long rows,
    List<Run> runs) {
  /**
   * Whole rows are read, this many bytes at a time, if what stays of them is in pieces smaller than
   * a page.
   */
  private static final int BLOCK = 1 << 20;

  private static final int PAGE = 4096;

  /**
   * Bytes side by side that are kept.
   *
   * @param from where they begin in a row of the source
   * @param to where they begin in a row of the slice
   * @param bytes how many
   */
  public record Run(long from, long to, long bytes) {}

  public SlicedTensor {
    shape = List.copyOf(shape);
    runs = List.copyOf(runs);
  }

  /** Returns a whole tensor under another name. */
  public static SlicedTensor whole(String name, Checkpoint.Entry entry) {
    TensorInfo source = entry.info();
    return new SlicedTensor(
        name, entry.shard(), source, source.shape(), 1, List.of(new Run(0, 0, source.bytes())));
  }

  /**
   * Returns what is left of a tensor along one of its dimensions.
   *
   * @param dimension which, from 0 for the outermost
   * @param kept indices that stay, in ascending order, at least one
   */
  public static SlicedTensor of(Checkpoint.Entry entry, int dimension, List<Integer> kept) {
    TensorInfo source = entry.info();
    List<Long> shape = new ArrayList<>(source.shape());
    long size = shape.set(dimension, (long) kept.size());
    long rows = 1;
    for (long before : shape.subList(0, dimension)) {
      rows *= before;
    }
    long inner = source.bytes() / (rows * size);
    List<Run> runs = new ArrayList<>();
    int from = 0;
    for (int at = 1; at <= kept.size(); at++) {
      if (at == kept.size() || kept.get(at) != kept.get(at - 1) + 1) {
        runs.add(new Run(kept.get(from) * inner, from * inner, (at - from) * inner));
        from = at;
      }
    }
    return new SlicedTensor(source.name(), entry.shard(), source, shape, rows, runs);
  }

  /** Returns the slice's length in bytes. */
  public long bytes() {
    return rows * rowBytes();
  }

  private long rowBytes() {
    return runs.getLast().to() + runs.getLast().bytes();
  }

  /**
   * Reads bytes of the slice until {@code destination} is full.
   *
   * @param offset in the slice, in bytes
   */
  void read(long offset, MemorySegment destination) {
    long row = rowBytes();
    if (row == 0) {
      return;
    }
    boolean small = rows > 1 && row / runs.size() < PAGE;
    long stride = source.bytes() / rows;
    long most = small ? Math.max(1, BLOCK / stride) : 1;
    int held = small ? Math.toIntExact(Math.min(most, rows) * stride) : 0;
    MemorySegment block = MemorySegment.ofArray(new byte[held]);
    for (long done = 0; done < destination.byteSize(); ) {
      long first = (offset + done) / row;
      long count = Math.min(most, rows - first);
      if (small) {
        shard.read(source, first * stride, block.asSlice(0, count * stride));
      }
      for (long at = first; at < first + count && done < destination.byteSize(); at++) {
        long within = (offset + done) % row;
        long wanted = Math.min(row - within, destination.byteSize() - done);
        long begin = at * stride;
        long inBlock = begin - first * stride;
        copy(
            (to, from) -> {
              if (small) {
                MemorySegment.copy(block, inBlock + from, to, 0, to.byteSize());
              } else {
                shard.read(source, begin + from, to);
              }
            },
            within,
            destination.asSlice(done, wanted));
        done += wanted;
      }
    }
  }

  /**
   * Copies what is left of one row.
   *
   * @param row copies bytes of the source's row, from a given one on, to the memory that it gets
   * @param within where in the slice's row to begin
   */
  private void copy(ObjLongConsumer<MemorySegment> row, long within, MemorySegment destination) {
    for (int index = at(within); index < runs.size(); index++) {
      Run run = runs.get(index);
      long skipped = Math.max(0, within - run.to);
      long to = run.to + skipped - within;
      long bytes = Math.min(run.bytes - skipped, destination.byteSize() - to);
      if (bytes <= 0) {
        return;
      }
      row.accept(destination.asSlice(to, bytes), run.from + skipped);
    }
  }

  /** Returns the last run that begins at a byte of a row or before. */
  private int at(long within) {
    int index =
        Collections.binarySearch(runs, new Run(0, within, 0), Comparator.comparingLong(Run::to));
    return index < 0 ? -index - 2 : index;
  }
}
