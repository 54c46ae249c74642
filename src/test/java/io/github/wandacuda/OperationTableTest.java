package io.github.wandacuda;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.select.SelectionPlan;
import io.github.wandacuda.select.Selector;
import java.io.IOException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/**
 * The table of operations says of each where its kernels, its launchers, its CPU code and its tests
 * are. Every place that it names exists, and no operation and no kernel is missing.
 */
class OperationTableTest {
  private static final Path PAGE = Path.of("kernels", "README.md");

  private static final List<String> HEADER =
      List.of(
          "stem", "operations",
          "CUDA kernel", "OpenCL kernel",
          "launchers", "scalar reference",
          "SIMD twin", "tests");

  /** What takes and moves memory, which no kernel does. */
  private static final Set<String> MEMORY =
      Set.of(
          """
          tensor storedRows hostBytes upload download weight residentWeight weightsAhead
          multipliesSparse sparseWeight takesCodes prepare close\
          """
              .split("\\s+"));

  /** Launchers and references of more than one stem. */
  private static final Set<String> SHARED =
      Set.of(
          """
          CudaForwardKernels OpenClForwardKernels GpuForwardKernels ScalarForward VectorForward
          VectorNorms CudaSelectKernels OpenClSelectKernels RowElements ScalarSelect VectorSelect
          QuantizedMatrix GpuRowFitting HostRowFitting ScalarRows VectorRows\
          """
              .split("\\s+"));

  /** What is part of other operations and tested with them. */
  private static final String WITHIN_OTHERS = "inspect_rows";

  private static final Pattern CODE = Pattern.compile("`([^`]+)`");

  private static List<Row> rows;

  /** A row's names by column; of a column that has no such place, none. */
  private record Row(List<List<String>> cells) {
    String stem() {
      return cells.get(0).get(0);
    }

    /** Returns the stem as Java writes it. */
    String name() {
      return Arrays.stream(stem().split("_"))
          .map(word -> word.substring(0, 1).toUpperCase(Locale.ROOT) + word.substring(1))
          .collect(Collectors.joining());
    }

    List<String> operations() {
      return cells.get(1);
    }

    List<String> kernels() {
      return Stream.of(cells.get(2), cells.get(3)).flatMap(List::stream).toList();
    }

    List<String> types() {
      return cells.subList(4, 7).stream().flatMap(List::stream).toList();
    }

    List<String> tests() {
      return cells.get(7);
    }
  }

  @BeforeAll
  static void read() throws IOException {
    List<List<String>> table =
        Files.readAllLines(PAGE).stream()
            .dropWhile(line -> !cells(line).equals(HEADER))
            .takeWhile(line -> line.startsWith("|"))
            .map(OperationTableTest::cells)
            .skip(2)
            .toList();
    assertThat(table).isNotEmpty().allMatch(cells -> cells.size() == HEADER.size());
    rows =
        table.stream()
            .map(cells -> cells.stream().map(OperationTableTest::names).toList())
            .map(Row::new)
            .toList();
  }

  private static List<String> cells(String line) {
    return Arrays.stream(line.split("\\|")).map(String::strip).skip(1).toList();
  }

  private static List<String> names(String cell) {
    List<String> names = CODE.matcher(cell).results().map(OperationTableTest::name).toList();
    assertThat(names.isEmpty()).as(cell).isEqualTo(cell.startsWith("none: "));
    return names;
  }

  private static String name(MatchResult code) {
    return code.group(1);
  }

  private static Set<String> files(String ending, String... directories) throws IOException {
    Set<String> names = new TreeSet<>();
    for (String directory : directories) {
      try (Stream<Path> files = Files.walk(Path.of(directory))) {
        files
            .map(file -> file.getFileName().toString())
            .filter(name -> name.endsWith(ending))
            .forEach(names::add);
      }
    }
    return names;
  }

  @Test
  void everyOperationHasARowAndEveryRowAnOperation() {
    Set<String> operations =
        Stream.of(Operations.class, Selector.class, SelectionPlan.class)
            .flatMap(type -> Arrays.stream(type.getDeclaredMethods()))
            .filter(method -> !Modifier.isStatic(method.getModifiers()) && !method.isSynthetic())
            .map(Method::getName)
            .filter(name -> !MEMORY.contains(name))
            .collect(Collectors.toCollection(TreeSet::new));
    assertThat(rows.stream().flatMap(row -> row.operations().stream()))
        .hasSameElementsAs(operations);
  }

  @Test
  void everyKernelFileHasARowAndTheStemOfIt() throws IOException {
    Set<String> files = files(".cu", "kernels/select", "kernels/forward");
    files.addAll(files(".cl", "kernels/select", "kernels/forward"));
    assertThat(rows.stream().flatMap(row -> row.kernels().stream()))
        .containsExactlyInAnyOrderElementsOf(files);
    for (Row row : rows) {
      assertThat(row.kernels()).allMatch(file -> file.matches(row.stem() + "(_\\w+)?\\.c[lu]"));
    }
  }

  @Test
  void everyTypeIsThereAndFoundByTheStem() throws IOException {
    Set<String> types = files(".java", "src/main/java");
    for (Row row : rows) {
      for (String type : row.types()) {
        assertThat(types).contains(type + ".java");
        if (!SHARED.contains(type)) {
          assertThat(type).containsPattern("^(Cuda|OpenCl|Scalar|Vector)" + row.name());
        }
      }
    }
  }

  @Test
  void everyTestIsThere() throws IOException {
    assertThat(rows.stream().flatMap(row -> row.tests().stream()).map(test -> test + ".java"))
        .isNotEmpty()
        .isSubsetOf(files(".java", "src/test/java"));
    assertThat(rows).noneMatch(row -> row.tests().isEmpty());
    for (Row row : rows) {
      if (!row.stem().equals(WITHIN_OTHERS)) {
        assertThat(row.tests()).contains(row.name() + "Test");
      }
    }
  }
}
