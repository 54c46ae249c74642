package io.github.wandacuda.bench.gpu;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.wandacuda.bench.common.ProgramRun;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TimedJobTest {
  @TempDir Path directory;
  private ProgramRun program;

  @BeforeEach
  void start() {
    program = new ProgramRun(directory);
  }

  private static TimedJob shell(String script) {
    return new TimedJob(Map.of("run", "test"), List.of("sh", "-c", script));
  }

  @Test
  void runsAreCountedAndTheirMasksCompared() {
    TimedJob job = shell("echo '{\"mask_sha256\": \"abc\"}'");
    job.run(program, 60);
    job.run(program, 60);
    assertEquals(2, job.count());
    assertEquals(List.of("abc"), job.maskHashes());
    assertFalse(job.isBroken());
  }

  @Test
  void aFailureIsTheLastLineOfStderrAndIsNotTriedAgain() {
    TimedJob job = shell("echo first >&2; echo 'bad weights' >&2; exit 3");
    job.run(program, 60);
    job.run(program, 60);
    assertFalse(job.hasRun());
    assertTrue(job.isBroken());
    assertEquals("exit code 3: bad weights", job.failure());
  }

  @Test
  void whatTakesTooLongIsStopped() {
    TimedJob job = shell("sleep 60");
    job.run(program, 0.2);
    assertFalse(job.hasRun());
    assertFalse(job.isBroken());
    assertEquals("stopped after 0 s", job.failure());
  }

  @Test
  void nothingIsStartedWithoutTime() {
    TimedJob job = shell("exit 1");
    job.run(program, 0);
    assertEquals("the phase's time was over", job.failure());
    assertFalse(job.isBroken());
  }
}
