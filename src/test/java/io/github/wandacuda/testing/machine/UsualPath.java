package io.github.wandacuda.testing.machine;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * What tells the usual path of a kernel.
 *
 * @param file the kernel's file
 * @param kernel its name
 * @param description of the path
 * @param weights how many a thread works on along the path
 * @param barriers along the path, or 0 if it is a loop within a row
 * @param marks what it passes; barriers among them where it is a row
 */
record UsualPath(
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
    return paths;
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

  /** Counts the path's instructions in a kernel's code. */
  PathCounts counts(MachineCode code) {
    Mark start = file.equals("inspect_rows") ? Mark.LOAD_16 : Mark.STORE_1;
    return FewestInstructions.ofTurn(code, start, marks);
  }
}
