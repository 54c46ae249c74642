package io.github.wandacuda.testing.machine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.github.wandacuda.system.Sha256;
import io.github.wandacuda.testing.Command;
import io.github.wandacuda.testing.PretendCudaBuild;
import io.github.wandacuda.testing.Thorough;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;

/**
 * Counts the instructions of the pruning kernels along their usual paths, in what ptxas makes of
 * the PTX that is shipped. {@code kernels/INSTRUCTIONS.md} has the table, which is written with
 * {@code -Dinstructions.write}; a kernel may not need 5 % more than it says.
 */
@Execution(ExecutionMode.CONCURRENT)
@Thorough
class InstructionCountsTest {
  private static final Path TABLE = Path.of("kernels", "INSTRUCTIONS.md");
  private static final String ARCHITECTURE = "sm_90";
  private static final double MOST_GROWTH = 1.05;
  private static final long SECONDS = 120;

  private static final String HEAD =
      """
      # Instructions of the pruning kernels, and of those of quantized weights and of work on rows

      Written by `InstructionCountsTest` with `-Dinstructions.write`, from the machine code that ptxas of CUDA 13.0 makes of
      the shipped PTX for sm_90 (H100). A path is the one with the fewest instructions that does all of the work of a usual
      row: the loads, additions, stores and barriers of its last column. Ends of rows, rows that aren't finite, and a
      block's first row take others. Guarded instructions count, as they are issued. The test counts again where ptxas is
      there and the PTX with this table has another SHA-256 than %s.
      It fails if a kernel needs 5 %% more than this table says.

      For each weight of a thread:

      | kernel | instructions | on the integer pipe | barriers a row | path |
      |---|---|---|---|---|
      """;

  @TempDir private Path directory;

  private static Path ptx(String file) {
    Path better = PretendCudaBuild.GENERATED.resolve(file + ".sm_80.ptx");
    return Files.exists(better) ? better : PretendCudaBuild.GENERATED.resolve(file + ".sm_75.ptx");
  }

  /** Returns the digest of rows and of the PTX that they are for. */
  private static String digest(List<String> rows) throws IOException {
    MessageDigest digest = Sha256.digest();
    for (UsualPath path : UsualPath.all()) {
      digest.update(Files.readAllBytes(ptx(path.file())));
    }
    digest.update(String.join("\n", rows).getBytes(StandardCharsets.UTF_8));
    return HexFormat.of().formatHex(digest.digest());
  }

  private Map<String, MachineCode> assemble(String file) throws IOException {
    Path ptx = ptx(file);
    Path cubin = directory.resolve(file + ".cubin");
    Command.of("ptxas", "-arch=" + ARCHITECTURE, ptx.toString(), "-o", cubin.toString())
        .within(SECONDS)
        .run()
        .succeeds();
    return Cubin.kernels(cubin);
  }

  private List<String> rows() throws IOException {
    Map<String, Map<String, MachineCode>> files = new HashMap<>();
    List<String> rows = new ArrayList<>();
    for (UsualPath path : UsualPath.all()) {
      if (!files.containsKey(path.file())) {
        files.put(path.file(), assemble(path.file()));
      }
      PathCounts counts = path.counts(files.get(path.file()).get(path.kernel()));
      rows.add(
          String.format(
              Locale.ROOT,
              "| `%s` | %.1f | %.1f | %s | %s |",
              path.kernel(),
              counts.all() / (double) path.weights(),
              counts.of(Pipe.INTEGER) / (double) path.weights(),
              path.barriers() == 0 ? "" : Integer.toString(counts.barriers()),
              path.description()));
    }
    return rows;
  }

  private static List<String> written() throws IOException {
    return Files.readAllLines(TABLE).stream().filter(line -> line.startsWith("| `")).toList();
  }

  private static double cell(String row, int column) {
    return Double.parseDouble(row.split("\\|")[column].strip());
  }

  @Test
  void noKernelNeedsMoreThanWasWrittenDown() throws IOException {
    boolean anew = System.getProperty("instructions.write") != null;
    if (!anew && Files.readString(TABLE).contains(digest(written()))) {
      return;
    }
    assumeTrue(
        PretendCudaBuild.isThere("ptxas"),
        "instructions are counted with ptxas, which is not there");
    List<String> rows = rows();
    if (anew) {
      Files.writeString(TABLE, HEAD.formatted(digest(rows)) + String.join("\n", rows) + "\n");
    }
    List<String> written = written();
    assertThat(written).hasSameSizeAs(rows);
    for (int i = 0; i < rows.size(); i++) {
      String found = rows.get(i);
      String most = written.get(i);
      assertThat(found.split("\\|")[1]).isEqualTo(most.split("\\|")[1]);
      for (int column : new int[] {2, 3}) {
        assertThat(cell(found, column))
            .as("%s, where the table has %s", found, most)
            .isLessThanOrEqualTo(cell(most, column) * MOST_GROWTH);
      }
      assertThat(found.split("\\|")[4]).as(found).isEqualTo(most.split("\\|")[4]);
    }
  }

  /** What the balance of arithmetic and memory of an H100 allows. */
  @Test
  void rowsOf16BitsKeepTheBalance() throws IOException {
    for (String type : List.of("f16", "bf16")) {
      for (int column : new int[] {2, 3}) {
        int most = column == 2 ? 32 : 16;
        double few = cell(row("select_rows_16_" + type, 0), column);
        double firstWarp = cell(row("select_rows_16_" + type, 1), column) - few;
        double many = cell(row("select_rows_32_" + type, 0), column);
        // 4096 columns in 8 warps; 11008 in 11, whose first warp does as much more for twice the
        // weights.
        assertThat(few + firstWarp / 8).as(type).isLessThanOrEqualTo(most);
        assertThat(many + firstWarp / 2 / 11).as(type).isLessThanOrEqualTo(most);
      }
      assertThat(cell(row("select_rows_16_" + type, 0), 4)).isEqualTo(3);
      assertThat(cell(row("select_rows_32_" + type, 0), 4)).isEqualTo(3);
    }
  }

  private static String row(String kernel, int index) throws IOException {
    return written().stream()
        .filter(line -> line.startsWith("| `" + kernel + "` |"))
        .toList()
        .get(index);
  }

  /** The machine code in what ptxas writes, which is an ELF file with a section for each kernel. */
  private static final class Cubin {
    private static final String CODE = ".text.";
    private static final int SECTIONS_AT = 0x28;
    private static final int SECTION_BYTES_AT = 0x3a;
    private static final int SECTION_COUNT_AT = 0x3c;
    private static final int NAMES_INDEX_AT = 0x3e;
    private static final int OFFSET_AT = 0x18;
    private static final int SIZE_AT = 0x20;

    private final ByteBuffer file;

    private Cubin(byte[] file) {
      this.file = ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN);
    }

    /** Returns each kernel's machine code by its name. */
    static Map<String, MachineCode> kernels(Path file) throws IOException {
      return new Cubin(Files.readAllBytes(file)).kernels();
    }

    private Map<String, MachineCode> kernels() {
      int names = offset(section(Short.toUnsignedInt(file.getShort(NAMES_INDEX_AT))));
      Map<String, MachineCode> kernels = new TreeMap<>();
      for (int i = 0; i < Short.toUnsignedInt(file.getShort(SECTION_COUNT_AT)); i++) {
        int section = section(i);
        String name = text(names + file.getInt(section));
        if (name.startsWith(CODE)) {
          int size = Math.toIntExact(file.getLong(section + SIZE_AT));
          ByteBuffer code = file.slice(offset(section), size).order(ByteOrder.LITTLE_ENDIAN);
          kernels.put(name.substring(CODE.length()), MachineCode.of(code));
        }
      }
      return kernels;
    }

    private int section(int index) {
      int bytes = Short.toUnsignedInt(file.getShort(SECTION_BYTES_AT));
      return Math.toIntExact(file.getLong(SECTIONS_AT)) + index * bytes;
    }

    private int offset(int section) {
      return Math.toIntExact(file.getLong(section + OFFSET_AT));
    }

    private String text(int from) {
      int end = from;
      while (file.get(end) != 0) {
        end++;
      }
      return new String(file.array(), from, end - from, StandardCharsets.US_ASCII);
    }
  }

  /**
   * What tells the usual path of a kernel.
   *
   * @param file the kernel's file
   * @param kernel its name
   * @param weights how many a thread works on along the path
   * @param barriers along the path, or 0 if it is a loop within a row
   * @param marks what it passes; barriers among them where it is a row
   */
  private record UsualPath(
      String file,
      String kernel,
      String description,
      int weights,
      int barriers,
      Map<Mark, Integer> marks) {
    /** Barriers of a row that was guessed: after each of two passes, and for the threshold. */
    private static final int ROW_BARRIERS = 3;

    /** Times that the first warp halves a window of about 64 keys. */
    private static final int HALVINGS = 7;

    private static final String ROW = "a guessed row";

    static List<UsualPath> all() {
      List<UsualPath> paths = new ArrayList<>();
      for (String type : List.of("bf16", "f16", "f32")) {
        int vector = type.equals("f32") ? 4 : 8;
        paths.addAll(rows("select_rows_16_" + type, 16, vector));
        if (vector == 8) {
          paths.addAll(rows("select_rows_32_" + type, 32, vector));
        }
        for (String kernel : List.of("select_groups_4", "select_groups_8", "select_threshold")) {
          String file = kernel.startsWith("select_groups") ? "select_groups" : kernel;
          int accesses = 1 + vector / 4 + 2;
          paths.add(stream(file, kernel + "_" + type, vector, Map.of(Mark.VECTOR, accesses)));
        }
        paths.add(stream("inspect_rows", "inspect_rows_" + type, vector, Map.of(Mark.VECTOR, 1)));
      }
      paths.add(codes("widen_codes", "widen_codes", 1, Map.of(Mark.STORE_4, 1)));
      paths.add(codes("widen_codes", "prune_codes", 8, Map.of(Mark.STORE_1, 8)));
      for (int tokens : new int[] {1, 4}) {
        paths.add(
            codes(
                "linear_codes",
                "linear_codes_" + tokens,
                4,
                Map.of(Mark.MULTIPLY_ADD, 4 * tokens)));
      }
      paths.add(element("row_fit", "row_dots", "an element", Map.of(Mark.DOUBLE_MULTIPLY_ADD, 1)));
      paths.add(element("row_fit", "row_step", "x and g of an element", Map.of(Mark.STORE_4, 2)));
      paths.add(
          element(
              "row_swaps",
              "row_swaps",
              "a column that is looked at",
              Map.of(Mark.DOUBLE_MULTIPLY_ADD, 2, Mark.DOUBLE_MULTIPLY, 3)));
      paths.add(
          element(
              "sparse_gpt",
              "sparse_gpt_prune",
              "a weight that a column changes",
              Map.of(Mark.MULTIPLY_ADD, 1)));
      paths.add(stream("row_admm", "row_admm_update", 4, Map.of(Mark.VECTOR, 5)));
      return paths;
    }

    private static UsualPath element(
        String file, String kernel, String description, Map<Mark, Integer> marks) {
      return new UsualPath(file, kernel, description, 1, 0, new TreeMap<>(marks));
    }

    private static List<UsualPath> rows(String kernel, int weights, int vector) {
      int vectors = weights / vector;
      // Each pass that computes keys anew loads the norms again.
      boolean kept = weights == 16 && vector == 8;
      Map<Mark, Integer> marks = new TreeMap<>();
      int norms = weights / 4 * (kept ? 1 : 2);
      marks.put(Mark.VECTOR, 3 * vectors + norms);
      marks.put(Mark.ADD, 4 * weights);
      marks.put(Mark.WARP_SUM, 2);
      marks.put(Mark.BARRIER, ROW_BARRIERS);
      UsualPath row = new UsualPath("select_rows", kernel, ROW, weights, ROW_BARRIERS, marks);
      if (!kept) {
        return List.of(row);
      }
      Map<Mark, Integer> first = new TreeMap<>(marks);
      first.put(Mark.WARP_SUM, 2 + HALVINGS + 1);
      String description = "the same in the first warp, %d halvings".formatted(HALVINGS);
      return List.of(
          row, new UsualPath("select_rows", kernel, description, weights, ROW_BARRIERS, first));
    }

    private static UsualPath stream(
        String file, String kernel, int weights, Map<Mark, Integer> marks) {
      return new UsualPath(file, kernel, "a vector", weights, 0, new TreeMap<>(marks));
    }

    /** Formats take different ways in one kernel; this is the shortest of them. */
    private static UsualPath codes(
        String file, String kernel, int weights, Map<Mark, Integer> marks) {
      String description = "%d of the format that is read fastest".formatted(weights);
      return new UsualPath(file, kernel, description, weights, 0, new TreeMap<>(marks));
    }

    /** Counts the path's instructions in a kernel's code. */
    PathCounts counts(MachineCode code) {
      Mark start =
          switch (file) {
            case "inspect_rows" -> Mark.LOAD_16;
            case "widen_codes", "linear_codes", "row_fit", "row_swaps", "row_admm", "sparse_gpt" ->
                marks.keySet().iterator().next();
            default -> Mark.STORE_1;
          };
      return FewestInstructions.ofTurn(code, start, marks);
    }
  }
}
