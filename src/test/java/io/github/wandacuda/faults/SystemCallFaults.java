package io.github.wandacuda.faults;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.github.wandacuda.testing.Command;
import io.github.wandacuda.testing.Directories;
import io.github.wandacuda.testing.FaultCounts;
import io.github.wandacuda.testing.GeneratedLlama;
import io.github.wandacuda.testing.MemoryDirectory;
import io.github.wandacuda.testing.Started;
import io.github.wandacuda.testing.Tier;
import io.github.wandacuda.testing.Words;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.function.LongUnaryOperator;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** One system call after the other fails, or is met by a signal, as strace can make them. */
class SystemCallFaults {
  private static final long MOST_CALLS = 1 << 12;

  @TempDir(factory = MemoryDirectory.class)
  Path directory;

  private Case run;
  private Path trace;

  @BeforeEach
  void write() throws IOException {
    run = new Case(directory, new GeneratedLlama(2, 32, 32, 40), 2, 8);
    trace = directory.resolve("trace");
    assumeTrue(
        Command.of("strace", "-o", trace, "true").succeeds(),
        "skipped: there is no strace, or it may not trace");
  }

  static List<Arguments> failures() {
    return Tier.picked(
        2,
        List.of(
            Arguments.of("fsync", "EIO", "samples", false),
            Arguments.of("fsync", "EINTR", "statistics", true),
            Arguments.of("rename", "EIO", "statistics", false),
            Arguments.of("pwrite64", "ENOSPC", "statistics", false),
            Arguments.of("pwrite64", "EINTR", "statistics", true)));
  }

  /** What is called again after EINTR never fails for it. */
  @ParameterizedTest
  @MethodSource("failures")
  void aCallThatFails(String call, String error, String kind, boolean again) throws Exception {
    int faults =
        disturb(
            call,
            "error=" + error,
            "(INJECTED)",
            kind,
            (program, what) -> {
              assertThat(program.exitCode()).as(what).isEqualTo(again ? 0 : 6);
              assertThat(program.end().errors()).as(what).hasSize(again ? 0 : 1);
            });
    FaultCounts.add(faults, "faults injected: system calls that fail");
  }

  static List<Arguments> signals() {
    return Tier.picked(
        1,
        List.of(
            Arguments.of("openat", "INT", 130, "samples"),
            Arguments.of("fsync", "TERM", 143, "samples"),
            Arguments.of("pwrite64", "INT", 130, "samples"),
            Arguments.of("rename", "INT", 130, "statistics")));
  }

  @ParameterizedTest
  @MethodSource("signals")
  void aSignalDuringACall(String call, String signal, int expected, String kind) throws Exception {
    int signals =
        disturb(
            call,
            "signal=" + signal,
            "--- SIG" + signal,
            kind,
            (program, what) -> {
              if (program.exitCode() != 0 || !isDone()) {
                assertThat(program.exitCode()).as(what).isEqualTo(expected);
                assertCancelled(program, what);
              }
            });
    FaultCounts.add(signals, "interrupts at each interruptible call");
  }

  /** Checks how a run that was disturbed has ended. */
  @FunctionalInterface
  private interface Ending {
    void check(Started program, String what) throws Exception;
  }

  /**
   * Disturbs one call after the other, each in a run of its own that is then gone on with.
   *
   * @param fault what strace is to do
   * @param traced what its trace says where it has done it
   * @return how many calls were disturbed
   */
  private int disturb(String call, String fault, String traced, String kind, Ending ending)
      throws Exception {
    run.undisturbed(kind);
    int disturbed = 0;
    LongUnaryOperator next = number -> 3 * number + 1;
    for (long number = 1; number < MOST_CALLS; number = next.applyAsLong(number)) {
      String injected = "%s:%s:when=%d".formatted(call, fault, number);
      try (Started program = start(call, injected, kind)) {
        int exitCode = program.exitCode();
        String what = injected + ": " + program.said();
        if (!Files.readString(trace).contains(traced)) {
          assertThat(exitCode).as(what).isZero();
          break;
        }
        disturbed++;
        ending.check(program, what);
      }
      run.assertPlainlyUnfinished(kind);
      run.assertInputUnchanged();
      run.assertGoesOn(kind);
      Directories.remove(run.output());
    }
    assertThat(disturbed).as(call).isPositive();
    return disturbed;
  }

  /** A signal during the last call may come to a run that ends by itself before Java sees it. */
  private boolean isDone() {
    return Files.exists(run.output().resolve("wanda-cuda.json"));
  }

  /** Nothing is said only where Java hasn't come to the program yet. */
  private void assertCancelled(Started program, String what) throws IOException {
    if (!program.end().errors().isEmpty() || Files.exists(run.output())) {
      assertThat(program.end().errors()).as(what).singleElement().asString().contains("cancelled");
    }
  }

  private Started start(String call, String fault, String kind) throws IOException {
    List<Object> strace = Words.of("strace -f -qq -o %s", trace);
    if (fault.contains(":error=")) {
      // Stops at the calls that it traces and no others, but (strace 6.13) sends no signals then.
      strace.add("--seccomp-bpf");
    }
    strace.addAll(List.of("-e", "trace=" + call, "-e", "inject=" + fault));
    return Command.jar(run.run(kind, run.output(), "--quiet", "--threads", 1))
        // Compiling at length takes longer than such a small run.
        .withOptions("-XX:TieredStopAtLevel=1")
        .under(strace)
        .start();
  }
}
