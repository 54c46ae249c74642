package io.github.wandacuda.bench.compare;

import io.github.wandacuda.bench.common.Json;
import io.github.wandacuda.jackson.databind.JsonNode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * Measures rows, each in a JVM of its own, and writes the tables. Runs in the repository's root.
 */
public final class Main {
  /**
   * What the program's launcher has its own process take, so that kernels are compiled as there:
   * with the usual thresholds a calibration in this process ran at 146 GFLOP/s, with these at 162.
   */
  private static final List<String> LAUNCHED =
      List.of(
          "-XX:+UseSerialGC",
          "-XX:CompileCommand=quiet",
          "-XX:CompileCommand=CompileThresholdScaling,*/simd/*.*,0.05",
          "-XX:CompileCommand=BackgroundCompilation,*/simd/*.*,false");

  private static final Path PAGE = Path.of("src/site/markdown/benchmarks.md");

  private final String[] args;
  private final Options options;
  private final Plan plan;

  private Main(String[] args) {
    this.args = args;
    options = Options.parse(args);
    plan = Plan.read(Options.rows(), options.quick());
  }

  /**
   * Starts the comparison; the exit code is 1 if a row failed.
   *
   * @param args see {@link Options#parse}
   */
  public static void main(String[] args) {
    System.exit(new Main(args).run() ? 0 : 1);
  }

  private boolean run() {
    Path file = options.results().resolve("cpu.json");
    Results results = Results.read(file);
    boolean good = true;
    for (Row row : plan.chosen(options.names())) {
      System.out.println("== " + row.name());
      JsonNode result = measure(row);
      System.out.println(result);
      good &= !result.has("failed");
      results.put(result);
      results.write(file, plan);
    }
    writeTables(new Tables(plan, results));
    return good;
  }

  private JsonNode measure(Row row) {
    Path file = options.results().resolve("row.json");
    try {
      Files.createDirectories(options.results());
      Files.deleteIfExists(file);
      int exit = new ProcessBuilder(command(row, file)).inheritIO().start().waitFor();
      if (!Files.exists(file)) {
        return Json.tree(Map.of("row", row.name(), "failed", "ended with exit code " + exit));
      }
      JsonNode result = Json.read(file);
      Files.delete(file);
      return result;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted", e);
    }
  }

  private List<String> command(Row row, Path file) {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(
        List.of("--add-modules=jdk.incubator.vector", "--enable-native-access=ALL-UNNAMED"));
    command.addAll(LAUNCHED);
    command.addAll(List.of("-cp", System.getProperty("java.class.path")));
    command.addAll(List.of(RowMain.class.getName(), row.name(), file.toString()));
    command.addAll(List.of(args));
    return command;
  }

  private void writeTables(Tables tables) {
    try {
      Files.writeString(options.results().resolve("cpu.md"), title() + tables.all());
      if (!options.quick()) {
        String page = Files.readString(PAGE);
        Files.writeString(PAGE, new MarkedSection("speed").replace(page, tables.worst()));
      }
      System.out.println(tables.worst());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private String title() {
    return options.quick()
        ? "# A test of the scripts\n\nTiny sizes. **These times mean nothing.**\n\n"
        : "# Speed on the CPU\n\nWritten by `bench/compare.sh`; see [how](../README.md).\n\n";
  }
}
