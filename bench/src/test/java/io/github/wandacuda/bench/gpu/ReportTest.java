package io.github.wandacuda.bench.gpu;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.wandacuda.bench.common.Json;
import io.github.wandacuda.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ReportTest {
  private static final String ENVIRONMENT =
      "\"environment\": {\"gpu\": \"Card 9000\", \"driver\": \"580.1\"}";

  @TempDir Path results;

  private void phase(String name, String status, String content) throws IOException {
    Files.writeString(
        results.resolve(name + ".json"),
        """
        {"phase": "%s", "small": false, "status": "%s", "reason": "%s", "seconds": 1.5,
         "device": "Card 9000", %s}
        """
            .formatted(name, status, status.equals("done") ? "" : "no luck", content));
  }

  private static String kernel(String name, String type, double milliseconds, String more) {
    return """
    {"kernel": "%s", "shape": "8x8", "dtype": "%s", "data": "normal",
     "milliseconds": {"median": %s, "min": %s, "max": %s}%s}
    """
        .formatted(name, type, milliseconds, milliseconds, milliseconds, more);
  }

  private boolean write() {
    return Report.write(results, false);
  }

  private String line(String start) throws IOException {
    return Files.readString(results.resolve("gpu.md"))
        .lines()
        .filter(line -> line.startsWith(start))
        .findFirst()
        .orElse("no line starts with " + start);
  }

  @Test
  void nothingIsInventedWhereNothingRan() throws IOException {
    assertTrue(write());
    for (String phase : Report.PHASES) {
      assertEquals(
          "| %s | not run: no %s.json |  |  |  |".formatted(phase, phase), line("| " + phase));
    }
    assertFalse(Files.readString(results.resolve("gpu.md")).contains("## Kernels"));
  }

  @Test
  void rowsAreComparedWithPyTorchAndCublasByTheirLabels() throws IOException {
    phase(
        "kernels-cuda",
        "done",
        ENVIRONMENT
            + ", \"rows\": ["
            + kernel(
                "select 50 %",
                "BF16",
                0.5,
                ", \"gigabytes_per_second\": 800, \"fraction_of_copy\": {\"median\": 0.876}")
            + ","
            + kernel("select 50 %", "F32", 0.5, ", \"gigabytes_per_second\": 800")
            + ","
            + kernel("linear", "BF16", 2, ", \"flops\": 4e12, \"gigaflops_per_second\": 2e6")
            + ","
            + kernel("cublasGemmEx", "BF16", 1, ", \"flops\": 4e12, \"gigaflops_per_second\": 4e6")
            + "]");
    phase(
        "kernels-torch",
        "done",
        "\"environment\": {\"torch\": \"3.0\"}, \"rows\": ["
            + kernel("select 50 %", "BF16", 40, "")
            + ","
            + kernel("linear", "BF16", 1.5, "")
            + "]");
    assertTrue(write());
    assertEquals(
        "| select 50 % | 8x8 | BF16 | normal | 0.500 (0.500 to 0.500) | 800 | 88 % | 40.0 | 80.0 |",
        line("| select 50 % | 8x8 | BF16"));
    assertEquals(
        "| select 50 % | 8x8 | F32 | normal | 0.500 (0.500 to 0.500) | 800 |  |  |  |",
        line("| select 50 % | 8x8 | F32"));
    assertEquals(
        "| linear | 8x8 | BF16 | 2.00 (2.00 to 2.00) | 2000 | 50 % | 1.50 | 75 % |",
        line("| linear"));
    assertEquals("| gpu | Card 9000 |", line("| gpu"));
    assertEquals("| torch | 3.0 |", line("| torch"));
  }

  @Test
  void whatDidNotRunSaysWhy() throws IOException {
    phase("kernels-opencl", "not run", ENVIRONMENT + ", \"rows\": []");
    phase(
        "end-to-end-7b",
        "incomplete",
        """
        %s, "layers": 9, "layers_of_model": 32, "layers_limited_by": "disk",
        "model_bytes": 4000000000, "mask_sha256": ["abc"], "rows": [
          {"run": "prune --statistics", "backend": "opencl", "not_run": "no platform"},
          {"run": "prune --statistics", "backend": "cuda", "device": "Card 9000", "verified": true,
           "seconds": {"median": 2, "min": 1.9, "max": 2.1}, "runs": 3,
           "model_gigabytes_per_second": 2, "times_of_copy": 1.25}]
        """
            .formatted(ENVIRONMENT));
    assertTrue(write());
    assertEquals("not run: no luck", line("not run"));
    assertEquals(
        "9 of 32 layers (limited by disk), 4.00 GB in BF16."
            + " Masks of the runs with given norms: `abc`.",
        line("9 of 32"));
    assertEquals(
        "| prune --statistics | opencl | not run: no platform |  |  |  |  |  |  |",
        line("| prune --statistics | opencl"));
    assertEquals(
        "| prune --statistics | cuda | Card 9000 | yes | 2.00 (1.90 to 2.10) | 3 | 2.00 | 1.25 |"
            + "  |",
        line("| prune --statistics | cuda"));
  }

  @Test
  void parityListsItsTestsAndAFailureFailsTheReport() throws IOException {
    phase(
        "parity-cuda",
        "failed",
        ENVIRONMENT
            + """
            , "rows": [{"test": "ModelTest", "passed": 7, "failed": 1, "skipped": 2,
                        "seconds": 3.0, "reason": "expected 1"}]
            """);
    assertFalse(write());
    assertEquals(
        "| cuda | ModelTest | 7 | 1 | 2 | 3.00 | expected 1 |", line("| cuda | ModelTest"));
    assertEquals("| opencl | not run: no file |  |  |", line("| opencl"));
  }

  @Test
  void whatFailedIsNotSaidToHaveNotRun() throws IOException {
    phase("parity-cuda", "failed", ENVIRONMENT + ", \"rows\": []");
    phase(
        "smoke-cuda",
        "failed",
        ENVIRONMENT
            + """
            , "rows": [{"kernel": "rotation", "precision": "high"},
                       {"kernel": "layer norm", "precision": "high", "problem": "differs"}]
            """);
    phase(
        "kernels-cuda",
        "failed",
        """
        "rows": [{"kernel": "rmsNorm", "shape": "8x8", "dtype": "F32", "data": "normal",
                  "problem": "no end within 9 s"}]
        """);
    assertFalse(write());
    assertEquals("| cuda | failed: no luck |  |  |  |  |  |", line("| cuda | failed"));
    assertEquals("| cuda | rotation | high |  |", line("| cuda | rotation"));
    assertEquals("| cuda | layer norm | high | differs |", line("| cuda | layer norm"));
    assertEquals(
        "| rmsNorm | 8x8 | F32 | normal | failed: no end within 9 s |  |  |  |  |",
        line("| rmsNorm"));
    assertEquals(
        1,
        Files.readAllLines(results.resolve("gpu.md")).stream()
            .filter(row -> row.startsWith("| rmsNorm"))
            .count());
  }

  @Test
  void oneFileHoldsAllPhasesOfTheSameKind() throws IOException {
    phase("parity-cuda", "done", ENVIRONMENT + ", \"rows\": []");
    Files.writeString(
        results.resolve("kernels-cuda.json"), "{\"small\": true, \"status\": \"failed\"}");
    assertTrue(write());
    JsonNode phases = Json.read(results.resolve("gpu.json")).path("phases");
    assertEquals(1, phases.size());
    assertEquals("Card 9000", phases.path("parity-cuda").path("device").asText());
  }

  @Test
  void aCalibratedRunStandsBesideItsPrediction() throws IOException {
    phase(
        "calibrated-7b",
        "done",
        """
        "predicted_seconds": 50.5, "predicted_seconds_least": 35.5, "predicted_seconds_most": 75.5,
        "rows": [{"run": "prune", "backend": "cuda", "steps": 1, "seconds": 71.5,
          "phases": {"calibrate": 44.5, "select": 1.5, "read_write": 12.5}}]
        """);
    assertTrue(write());
    assertEquals("| calibrate | 44.5 |  |", line("| calibrate |"));
    assertEquals("| select | 1.50 |  |", line("| select |"));
    assertEquals("| read_write | 12.5 |  |", line("| read_write |"));
    assertEquals("| together | 71.5 | 50.5 (35.5 to 75.5) |", line("| together |"));
  }

  @Test
  void aCalibratedRunThatIsNotDoneSaysSo() throws IOException {
    phase(
        "calibrated-7b",
        "incomplete",
        "\"rows\": [{\"run\": \"prune\", \"not_run\": \"stopped after 440 s\"}]");
    assertTrue(write());
    assertEquals("Not run: stopped after 440 s.", line("Not run"));
  }
}
