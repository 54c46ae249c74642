package io.github.wandacuda.bench.gpu;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.wandacuda.bench.common.Json;
import io.github.wandacuda.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PhaseResultTest {
  @TempDir Path results;

  @BeforeEach
  void aBundle() throws IOException {
    Files.writeString(results.resolve("MANIFEST.txt"), "wanda-cuda 1");
  }

  private PhaseResult start(String phase) {
    String directory = results.toString();
    return PhaseResult.start(
        PhaseOptions.parse(
            new String[] {
              phase,
              "--home",
              directory,
              "--results",
              directory,
              "--work",
              directory,
              "--seconds",
              "60",
              "--limit",
              "60"
            }));
  }

  private JsonNode file(String phase) {
    return Json.read(results.resolve(phase + ".json"));
  }

  private static Map<String, Object> row(String kernel) {
    return Map.of("kernel", kernel);
  }

  @Test
  void aProcessThatIsKilledLeavesItsRowsAndTheNextGoesOn() {
    PhaseResult killed = start("kernels-cuda");
    killed.row(row("first"));
    killed.wrong(row("second"), "wrong bits");
    killed.starts("third", why -> {});
    JsonNode left = file("kernels-cuda");
    assertEquals(2, left.path("rows").size());
    assertEquals("failed", left.path("status").asText());
    assertTrue(left.path("reason").asText().endsWith("; ended within third"));

    PhaseResult next = start("kernels-cuda");
    assertEquals(2, file("kernels-cuda").path("rows").size());
    assertTrue(next.kept(row("first")).isPresent());
    assertTrue(next.kept(row("second")).isPresent());
    assertFalse(next.kept(row("third")).isPresent());
    next.missing(row("third"), "no time");
    next.left("no time");
    next.write();
    assertEquals("{kernel=second}: wrong bits", file("kernels-cuda").path("reason").asText());
    assertTrue(file("kernels-cuda").path("unfinished").asBoolean());

    PhaseResult last = start("kernels-cuda");
    assertTrue(last.kept(row("first")).isPresent());
    assertTrue(last.kept(row("second")).isPresent());
    assertFalse(last.kept(row("third")).isPresent());
    last.row(row("third"));
    last.write();
    assertEquals(3, file("kernels-cuda").path("rows").size());
    assertEquals("failed", file("kernels-cuda").path("status").asText());

    assertFalse(start("kernels-cuda").kept(row("first")).isPresent());
  }

  @Test
  void anotherBundleBeginsAnew() throws IOException {
    start("kernels-cuda").row(row("first"));
    Files.writeString(results.resolve("MANIFEST.txt"), "wanda-cuda 2");
    assertFalse(start("kernels-cuda").kept(row("first")).isPresent());
  }

  @Test
  void otherPhasesBeginAnew() {
    start("smoke-cuda").row(row("first"));
    assertFalse(start("smoke-cuda").kept(row("first")).isPresent());
  }

  @Test
  void onlyAPhaseWithoutRowsIsNotRun() {
    PhaseResult result = start("smoke-cuda");
    result.notRun("no driver");
    assertEquals(PhaseResult.Status.NOT_RUN, result.status());
    result.row(row("first"));
    result.notRun("the device was lost");
    assertEquals(PhaseResult.Status.FAILED, result.status());
  }

  @Test
  void rowsSoFarStandThereUntilTheEnd() {
    PhaseResult result = start("end-to-end-1b");
    result.soFar(List.of(row("first"), row("second")));
    assertEquals(2, file("end-to-end-1b").path("rows").size());
    result.row(row("first"));
    result.write();
    assertEquals(1, file("end-to-end-1b").path("rows").size());
  }
}
