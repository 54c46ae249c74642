package io.github.wandacuda.checkpoint;

import java.util.ArrayList;
import java.util.List;

/**
 * A tensor that is made of parts of another one, byte for byte.
 *
 * @param shard has the other
 * @param source the other
 * @param shape its own shape
 * @param ranges the bytes of the other that are its own, one after the other
 */
public record SlicedTensor(
    String name, SafetensorsFile shard, TensorInfo source, List<Long> shape, List<Range> ranges) {
  /** Bytes of the source, from an offset in it on. */
  public record Range(long offset, long bytes) {}

  public SlicedTensor {
    shape = List.copyOf(shape);
    ranges = List.copyOf(ranges);
  }

  public static SlicedTensor whole(String name, Checkpoint.Entry entry) {
    TensorInfo source = entry.info();
    return new SlicedTensor(
        name, entry.shard(), source, source.shape(), List.of(new Range(0, source.bytes())));
  }

  /**
   * Returns what is left of a tensor along one of its dimensions.
   *
   * @param kept indices that stay, in ascending order, at least one
   */
  public static SlicedTensor of(Checkpoint.Entry entry, int dimension, List<Integer> kept) {
    TensorInfo source = entry.info();
    List<Long> shape = new ArrayList<>(source.shape());
    long size = shape.set(dimension, (long) kept.size());
    long outer = 1;
    for (long before : shape.subList(0, dimension)) {
      outer *= before;
    }
    long inner = source.bytes() / (outer * size);
    List<Range> ranges = new ArrayList<>();
    for (long row = 0; row < outer; row++) {
      int from = 0;
      for (int at = 1; at <= kept.size(); at++) {
        if (at == kept.size() || kept.get(at) != kept.get(at - 1) + 1) {
          ranges.add(new Range((row * size + kept.get(from)) * inner, (at - from) * inner));
          from = at;
        }
      }
    }
    return new SlicedTensor(source.name(), entry.shard(), source, shape, ranges);
  }

  public long bytes() {
    return ranges.stream().mapToLong(Range::bytes).sum();
  }
}
