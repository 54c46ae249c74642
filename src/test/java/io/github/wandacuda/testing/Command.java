package io.github.wandacuda.testing;

import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.stream.Collectors;

/** A program to start as a process, which obeys the signals that end one. */
public final class Command {
  /** The program of this project. */
  public static final Path JAR = Path.of("target/wanda-cuda.jar").toAbsolutePath();

  private static final long SECONDS = 120;

  private final ProcessBuilder builder;
  private long seconds = SECONDS;

  private Command(Object... words) {
    builder = new ProcessBuilder(Words.texts(words));
  }

  /** Returns the command of these words; a list or an array is a word for each element. */
  public static Command of(Object... words) {
    return new Command(words);
  }

  /** Returns the Java that runs the tests, with these words. */
  public static Command java(Object... words) {
    return of(Path.of(System.getProperty("java.home"), "bin", "java"), words);
  }

  /** Returns the jar with these words, as a user gives them. */
  public static Command jar(Object... words) {
    return java("-jar", JAR, words);
  }

  /** Returns a class of the tests, which may run in any folder. */
  public static Command main(Object options, Class<?> main, Object... arguments) {
    String classPath =
        Arrays.stream(System.getProperty("java.class.path").split(File.pathSeparator))
            .map(entry -> Path.of(entry).toAbsolutePath().toString())
            .collect(Collectors.joining(File.pathSeparator));
    return java(options, "-cp", classPath, main.getName(), arguments);
  }

  /** Puts words in front, of a program that runs this one. */
  public Command under(Object... words) {
    builder.command().addAll(0, Arrays.asList(Words.texts(words)));
    return this;
  }

  /** Puts options of Java after it. */
  public Command withOptions(Object... options) {
    builder.command().addAll(1, Arrays.asList(Words.texts(options)));
    return this;
  }

  /** Adds environment variables. */
  public Command with(Map<String, String> variables) {
    builder.environment().putAll(variables);
    return this;
  }

  /** Takes an environment variable away. */
  public Command without(String variable) {
    builder.environment().remove(variable);
    return this;
  }

  /** Says where it runs. */
  public Command in(Path directory) {
    builder.directory(directory.toFile());
    return this;
  }

  /** Says how long it may take. */
  public Command within(long someSeconds) {
    seconds = someSeconds;
    return this;
  }

  public String[] words() {
    return builder.command().toArray(String[]::new);
  }

  public Started start() {
    try {
      return start(Files.createTempFile("started", ".out"));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Starts it, with its stdout in a file or a device. */
  public Started start(Path out) throws IOException {
    Path err = Files.createTempFile("started", ".err");
    builder.redirectOutput(out.toFile()).redirectError(err.toFile());
    return new Started(Signals.start(builder), out, err, seconds);
  }

  public Ended run() {
    try (Started started = start()) {
      return started.end();
    }
  }

  /** Runs it and returns whether it is there and succeeds. */
  public boolean succeeds() {
    try {
      return run().exitCode() == 0;
    } catch (UncheckedIOException missing) {
      return false;
    }
  }
}
