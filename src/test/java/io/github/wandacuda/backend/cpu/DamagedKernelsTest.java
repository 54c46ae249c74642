package io.github.wandacuda.backend.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.wandacuda.scalar.CpuSelectKernels;
import io.github.wandacuda.select.Selector;
import io.github.wandacuda.testing.RedefinedCpu;
import io.github.wandacuda.testing.Thorough;
import io.github.wandacuda.testing.selection.SmallMatrices;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.reflect.Constructor;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import javax.tools.JavaCompiler;
import javax.tools.StandardJavaFileManager;
import javax.tools.ToolProvider;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * The small matrices see what they are there for: in each kernel a tail that is shifted by a group
 * or lost, and a tie that is lost or broken the other way.
 */
@Thorough
class DamagedKernelsTest {
  private static final SmallMatrices MATRICES = new SmallMatrices(1);
  private static final int MOST = 4000;

  @TempDir Path work;

  @Test
  void soundKernelsAreRight() {
    Selector selector =
        DamagedKernels.selector(work, "TiedGroups.java", "groups++;", "groups += 1;");
    MATRICES.check("sound", selector, 0, MOST / 4, 1);
  }

  @ParameterizedTest
  @CsvSource(
      delimiterString = " => ",
      value = {
        // 2:4 and 4:8 of 16 bits: the groups that upper halves don't settle.
        "TiedGroups.java => isShort ? found => false ? found",
        "TiedGroups.java => int column = word * Long.SIZE + first; => int column = word * Long.SIZE"
            + " + (first + size) % Long.SIZE;",
        "TiedGroups.java => if (column < columns) { => if (column < columns - size) {",
        "TiedGroups.java => > size / 2) { => > size / 2 + 1) {",
        // ... and the pass before.
        "LowestHalves.java => lower.toLong() << (2 * i) => lower.toLong() << (2 * i + 4)",
        "LowestHalves.java => ShortVector a = key.sub( => ShortVector a = key.sub((short) 1).sub(",
        "LowestHalves.java => << (2 * i + SHORT_COUNT * v) => << (2 * i + 8 + SHORT_COUNT * v)",
        "LowestHalves.java => .compare(LT, threshold) => .compare(LT, threshold.add((short) 1))",
        "GroupHalfPruner.java => RowMaskWriter.trim(columns, kept); => RowMaskWriter.trim(columns -"
            + " 4, kept);",
        // 2:4 of F32, and of 16 bits where many scores are equal.
        "MarkedRowPruner.java => rotation.lane(lane) < lane ? 1 : 0 => rotation.lane(lane) > lane ?"
            + " 1 : 0",
        "MarkedRowPruner.java => i < marks.length; i += 2 * COUNT => i < marks.length - 2 * COUNT;"
            + " i += 2 * COUNT",
        // Other N:M.
        "GroupRanks.java => lowerColumn[r * COUNT + lane] = source[lane] < lane ? 1 : 0 =>"
            + " lowerColumn[r * COUNT + lane] = 0",
        "GroupRanks.java => source[lane] <= lane ? 1 : 0 => source[lane] < lane ? 1 : 0",
        "GroupRanks.java => planes.filled(plane)) => planes.filled(plane) - groupLanes)",
        "MarkedRowPruner.java => from < planes.columns(); => from < planes.columns() -"
            + " group.length;",
        "MarkedRowPruner.java => = PRUNED; => = i == 0 ? 0 : PRUNED;",
        "MarkedRowPruner.java => i < planes.stride(); => i < planes.stride() - step;",
        // The lowest of a row, by its scores.
        "LowestOfRow.java => i < left(); => i < left() - 1;",
        "LowestOfRow.java => << Integer.SIZE | column => << Integer.SIZE",
        "RowMaskWriter.java => kept[column / Long.SIZE] = ~pruned; => kept[column / Long.SIZE] ="
            + " ~(pruned << 1);",
        "RowMaskWriter.java => kept[kept.length - 1] &= -1L >>> -tail; => kept[kept.length - 1] &="
            + " -1L >>> -tail >>> 1;",
        "RowMaskWriter.java => listed[count++] = column + Long.numberOfTrailingZeros(left); =>"
            + " listed[count++] = column + (Long.numberOfTrailingZeros(left) ^ 1);",
        "TiedKeys.java => Long.expand((1L << most) - 1, bits) => Long.expand(((1L << most) - 1) <<"
            + " 1, bits)",
        "TiedKeys.java => private static final long EVEN = 0x5555_5555_5555_5555L; => private"
            + " static final long EVEN = 0xaaaa_aaaa_aaaa_aaaaL;",
        "KeyThreshold.java => if (count == wanted) { => if (count == wanted + 1) {",
        "RowMaskWriter.java => (words[word] == 0 ? 0L : 1L) => (words[word] == 0 || word + 1 =="
            + " words.length ? 0L : 1L)",
        "ScoreKeys.java => column < planes.length(); => column < planes.length() - 1;",
        "ScoreKeys.java => from + planes.filled(plane), => from + planes.filled(plane) + 1,",
        // ... and by thresholds on the weights.
        "Candidates.java => left > 0; => left > 1;",
        "Candidates.java => scores[i] = score(memory, at, columns[i]); => scores[i] = score(memory,"
            + " at, columns[i] ^ 1);",
        "ThresholdPasses.java => under |= belowHigh.toLong() << i; => under |= belowHigh.toLong()"
            + " << i + 1;",
        "ThresholdPasses.java => inside[word] = under & ~pruned; => inside[word] = word + 1 =="
            + " kept.length ? 0 : under & ~pruned;",
        "LowestByThresholds.java => left -= Long.bitCount(pruned); => left -= Long.bitCount(pruned)"
            + " + 1;",
        "LowestByThresholds.java => RowMaskWriter.trim(columns, kept); =>"
            + " RowMaskWriter.trim(columns + 1, kept);",
        // What all share.
        "Scores.java => return zeros - (padded - columns); => return zeros;",
        "CpuPlan.java => i < bytes; i++ => i < bytes - 1; i++",
        "DenseRows.java => (long) columns * dtype.bytes(); => (columns - 1L) * dtype.bytes();",
        "DenseRows.java => dtype.bits(block, placeInBlock(c, r)) => dtype.bits(block,"
            + " placeInBlock(c, r ^ 1))",
        "DenseRows.java => dtype.setBits(block, placeInBlock(c, r), => dtype.setBits(block,"
            + " placeInBlock(c, r ^ 1),",
      })
  void aFaultIsSeen(String file, String sound, String damaged) {
    Selector selector = DamagedKernels.selector(work, file, sound, damaged);
    assertThatThrownBy(() -> MATRICES.check(file, selector, 0, MOST, 1))
        .isInstanceOfAny(AssertionError.class, RuntimeException.class);
  }

  /**
   * The CPU's selection with a fault put into one of its source files: the file is compiled anew,
   * and the CPU's packages are loaded once more with it.
   */
  private static final class DamagedKernels extends RedefinedCpu {
    private static final Path SOURCES = Path.of("src/main/java/io/github/wandacuda");

    private final Path classes;

    private DamagedKernels(Path classes) {
      this.classes = classes;
    }

    /**
     * Returns a selector on the vector kernels, with a text in a file replaced by another.
     *
     * @param work an empty folder
     * @param file the name of a source file
     */
    public static Selector selector(Path work, String file, String sound, String damaged) {
      try {
        String text = Files.readString(find(file));
        assertThat(text).containsOnlyOnce(sound);
        Path source = work.resolve("source").resolve(file);
        Files.createDirectories(source.getParent());
        Files.writeString(source, text.replace(sound, damaged));
        Path classes = Files.createDirectories(work.resolve("classes"));
        compile(source, classes);
        DamagedKernels loader = new DamagedKernels(classes);
        Constructor<?> kernels =
            loader.loadClass(VectorSelect.class.getName()).getDeclaredConstructor();
        kernels.setAccessible(true);
        return (Selector)
            loader
                .loadClass(CpuSelector.class.getName())
                .getConstructor(loader.loadClass(CpuSelectKernels.class.getName()))
                .newInstance(kernels.newInstance());
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      } catch (ReflectiveOperationException e) {
        throw new LinkageError(file, e);
      }
    }

    private static Path find(String file) throws IOException {
      try (Stream<Path> files = Files.walk(SOURCES)) {
        return files.filter(path -> path.endsWith(file)).findFirst().orElseThrow();
      }
    }

    private static void compile(Path source, Path classes) throws IOException {
      JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
      List<String> options =
          List.of(
              "-d",
              classes.toString(),
              "-cp",
              System.getProperty("java.class.path"),
              "--add-modules=jdk.incubator.vector",
              "-proc:none",
              "-Xlint:none");
      try (StandardJavaFileManager files = compiler.getStandardFileManager(null, null, null)) {
        boolean compiled =
            compiler
                .getTask(null, files, null, options, null, files.getJavaFileObjects(source))
                .call();
        assertThat(compiled).as("%s compiles", source).isTrue();
      }
    }

    @Override
    protected byte[] changed(String name, byte[] classFile) throws IOException {
      Path damaged = classes.resolve(name.replace('.', '/') + ".class");
      return Files.exists(damaged) ? Files.readAllBytes(damaged) : classFile;
    }
  }
}
