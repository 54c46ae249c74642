package io.github.wandacuda.faults;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.github.wandacuda.testing.PretendCudaBuild;
import io.github.wandacuda.testing.ProcessOutcome;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** The program with {@code src/test/power-cut} preloaded, which says what that does. */
final class PowerCut {
  private static final Path SOURCE = Path.of("src", "test", "power-cut", "power_cut.cpp");
  private static final Path LIBRARY = Path.of("target", "power-cut", "libpower-cut.so");

  /** The program's classes as a run has loaded them, with which the next ones start sooner. */
  private static final Path CLASSES = Path.of("target", "power-cut", "classes.jsa");

  private static final long SECONDS = 120;

  private PowerCut() {}

  /** Builds the library; skips the test, with the reason, where that can't be done. */
  static void build() throws IOException {
    assumeTrue(
        System.getProperty("os.name").equals("Linux"), "skipped: preloading is Linux's here");
    assumeTrue(PretendCudaBuild.isThere("g++"), "skipped: the library is built with g++");
    Files.createDirectories(LIBRARY.getParent());
    List<String> command = new ArrayList<>(List.of("g++", "-std=c++17", "-O1", "-fPIC", "-shared"));
    command.addAll(List.of("-o", LIBRARY.toString(), SOURCE.toString(), "-ldl"));
    ProcessOutcome outcome = ProcessOutcome.of(command, SECONDS);
    if (outcome.exitCode() != 0) {
      throw new IOException(outcome.output());
    }
  }

  /** Starts the program without its launcher and without what is compiled at length. */
  private static ProcessBuilder program(Path said, Object... words) {
    return program("-XX:SharedArchiveFile=" + CLASSES, said, words);
  }

  private static ProcessBuilder program(String archive, Path said, Object... words) {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", archive));
    command.addAll(List.of("--enable-native-access=ALL-UNNAMED", "-cp", "target/wanda-cuda.jar"));
    command.add("io.github.wandacuda.cli.Main");
    Arrays.stream(words).map(Object::toString).forEach(command::add);
    return new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(said.toFile());
  }

  /** Runs the program undisturbed and returns the calls that could have been its last, by kind. */
  static List<String> calls(Path under, Path log, Object... words)
      throws IOException, InterruptedException {
    ProcessBuilder program =
        program("-XX:ArchiveClassesAtExit=" + CLASSES, log.resolveSibling("said"), words);
    program.environment().put("POWER_CUT_LOG", log.toAbsolutePath().toString());
    preload(program, under, 0);
    int exitCode = exitCode(program.start());
    if (exitCode != 0) {
      throw new IOException(Files.readString(log.resolveSibling("said")));
    }
    return Files.readAllLines(log);
  }

  private static void preload(ProcessBuilder program, Path under, int at) throws IOException {
    program.environment().put("LD_PRELOAD", LIBRARY.toAbsolutePath().toString());
    program.environment().put("POWER_CUT_UNDER", under.toRealPath().toString());
    program.environment().put("POWER_CUT_AT", Integer.toString(at));
  }

  /** Runs the program until the power fails; returns whether it did. */
  static boolean cut(Path under, Path said, int at, Object... words)
      throws IOException, InterruptedException {
    ProcessBuilder program = program(said, words);
    preload(program, under, at);
    return exitCode(program.start()) != 0;
  }

  /** Starts the program, which stops at a call. */
  static Process stopped(Path under, Path said, int at, Object... words)
      throws IOException, InterruptedException {
    ProcessBuilder program = program(said, words);
    preload(program, under, at);
    program.environment().put("POWER_CUT_HOW", "stop");
    Process process = program.start();
    Path status = Path.of("/proc", Long.toString(process.pid()), "stat");
    while (process.isAlive() && !Files.readString(status).contains(") T ")) {
      Thread.sleep(5);
    }
    return process;
  }

  /** Runs the program undisturbed. */
  static int run(Path said, Object... words) throws IOException, InterruptedException {
    return exitCode(program(said, words).start());
  }

  static int exitCode(Process process) throws InterruptedException {
    if (!process.waitFor(SECONDS, TimeUnit.SECONDS)) {
      process.destroyForcibly();
      throw new AssertionError("no end after " + SECONDS + " s");
    }
    return process.exitValue();
  }
}
