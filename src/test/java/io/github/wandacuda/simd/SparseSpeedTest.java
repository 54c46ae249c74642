package io.github.wandacuda.simd;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import io.github.wandacuda.DType;
import io.github.wandacuda.SparseMatrix;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.launcher.LaunchedOptions;
import io.github.wandacuda.testing.Command;
import io.github.wandacuda.testing.Ended;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Isolated;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Where the JIT inlines a kernel whole, its vectors stay in registers. Where it stops, since the
 * method has become too large for it ({@code NodeCountInliningCutoff}), each vector is an object
 * and the kernel runs at a sixth of its speed. Another JDK may draw that line elsewhere.
 */
@Isolated
class SparseSpeedTest {
  private static final int ROWS = 256;
  private static final int COLUMNS = 2048;
  private static final int ROUNDS = 60;

  /** Between a sixth of what was measured and the least of it, 1.3 to 14. */
  @ParameterizedTest
  @ValueSource(ints = {1, 4})
  void kernelsAllocateNothing(int count, @TempDir Path directory) throws Exception {
    Assumptions.assumeTrue(Lanes.COMPRESSES_SHORTS, "the processor doesn't expand vectors");
    List<String> options = new ArrayList<>(LaunchedOptions.ofKernels());
    options.addAll(List.of("--add-modules", "jdk.incubator.vector"));
    Ended child =
        Command.main(options, Kernels.class, String.valueOf(count)).in(directory).run().succeeds();
    String[] found = child.out().lines().reduce((first, last) -> last).orElseThrow().split(" ");
    String jdk = "JDK %s, %d rows: ".formatted(Runtime.version(), count);
    assertThat(Long.parseLong(found[0]))
        .as(jdk + "bytes that a call allocates; its vectors aren't in registers any more")
        .isLessThan(1024);
    assertThat(Double.parseDouble(found[1]))
        .as(jdk + "times as fast as unpacking first; the kernel isn't compiled whole any more")
        .isGreaterThan(1);
  }

  /** Prints the bytes that a call allocates, and how much faster it is than unpacking. */
  static final class Kernels {
    private Kernels() {}

    public static void main(String[] arguments) {
      int count = Integer.parseInt(arguments[0]);
      SparseMatrix matrix = random();
      float[] x = new float[count * COLUMNS];
      float[] out = new float[count * ROWS];
      ExpandRows expanding = new ExpandRows();
      PanelRows unpacking = new PanelRows();
      ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
      long fastest = Long.MAX_VALUE;
      long plain = Long.MAX_VALUE;
      long allocated = Long.MAX_VALUE;
      for (int round = 0; round < ROUNDS; round++) {
        long before = threads.getCurrentThreadAllocatedBytes();
        long start = System.nanoTime();
        expanding.multiply(matrix, x, 0, count, out, 0, 0, ROWS);
        fastest = Math.min(fastest, System.nanoTime() - start);
        allocated = Math.min(allocated, threads.getCurrentThreadAllocatedBytes() - before);
        start = System.nanoTime();
        unpacking.multiply(matrix, x, 0, count, out, 0, 0, ROWS);
        plain = Math.min(plain, System.nanoTime() - start);
      }
      System.out.println(allocated + " " + (double) plain / fastest);
    }

    private static SparseMatrix random() {
      Random random = new Random(1);
      MemorySegment data = Arena.global().allocate((long) ROWS * COLUMNS * Short.BYTES, 64);
      for (long i = 0; i < (long) ROWS * COLUMNS; i++) {
        if (random.nextBoolean()) {
          data.setAtIndex(ValueLayout.JAVA_SHORT, i, (short) (1 + random.nextInt(0x3000)));
        }
      }
      return SparseMatrix.pack(WeightMatrix.of(data, DType.BF16, ROWS, COLUMNS));
    }
  }
}
