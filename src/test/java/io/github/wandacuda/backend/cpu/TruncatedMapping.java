package io.github.wandacuda.backend.cpu;

import io.github.wandacuda.DType;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.scalar.AllKernels;
import io.github.wandacuda.select.SelectionRule.LowestPerRow;
import io.github.wandacuda.select.Selector;
import io.github.wandacuda.testing.selection.Select;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.channels.FileChannel.MapMode;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.OptionalInt;
import java.util.function.Function;

/**
 * Selects from mappings of a file that becomes shorter, in a JVM that this may end. Each call is
 * made until it is compiled before the file shrinks.
 */
public final class TruncatedMapping {
  private static final int ROWS = 300;
  private static final int COLUMNS = 1024;
  private static final int CALLS = 40;
  private static final byte FILL = 0x11;

  private TruncatedMapping() {}

  /** Prints a line for each error that was caught; the argument names the kernels. */
  public static void main(String[] arguments) throws IOException {
    Selector selector = AllKernels.valueOf(arguments[0]).selector();
    WeightMatrix heap = matrix(MemorySegment.ofArray(new byte[ROWS * COLUMNS * Short.BYTES]));
    shrinkUnder("select", source -> select(selector, source, heap));
    shrinkUnder("select in place", source -> select(selector, source, source));
    shrinkUnder(
        "select a transposed view",
        source -> select(selector, source.transposed(), heap.transposed()));
    shrinkUnder(
        "magnitudes",
        source -> {
          selector.countMagnitudes(source, OptionalInt.empty(), new long[Selector.UPPER_BINS]);
          return 0L;
        });
    System.out.println("alive: " + select(selector, heap, heap));
  }

  private static long select(Selector selector, WeightMatrix source, WeightMatrix destination) {
    LowestPerRow rule = new LowestPerRow(source.columns() / 2);
    return Select.once(selector, source, null, rule, destination, null).pruned();
  }

  private static void shrinkUnder(String name, Function<WeightMatrix, Long> call)
      throws IOException {
    byte[] content = new byte[ROWS * COLUMNS * Short.BYTES];
    Arrays.fill(content, FILL);
    Path file = Files.write(Path.of(name + ".bin"), content);
    try (FileChannel channel =
            FileChannel.open(file, StandardOpenOption.READ, StandardOpenOption.WRITE);
        Arena arena = Arena.ofConfined()) {
      WeightMatrix source = matrix(channel.map(MapMode.READ_WRITE, 0, content.length, arena));
      for (int i = 0; i < CALLS; i++) {
        call.apply(source);
      }
      channel.truncate(content.length / 2);
      try {
        call.apply(source);
        System.out.println("no error: " + name);
      } catch (InternalError e) {
        System.out.println("caught: " + name);
      }
    }
  }

  private static WeightMatrix matrix(MemorySegment data) {
    return WeightMatrix.of(data, DType.BF16, ROWS, COLUMNS);
  }
}
