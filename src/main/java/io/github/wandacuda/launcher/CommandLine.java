package io.github.wandacuda.launcher;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;

/**
 * The command line that this process was started with, to start another Java in the same way: the
 * new options come before all others, everything else stays as the user gave it.
 *
 * <p>Linux tells the command line itself, byte for byte, in 0.1 ms. Options from the environment
 * ({@code JAVA_TOOL_OPTIONS}, {@code JDK_JAVA_OPTIONS}) aren't part of it, and reach the other Java
 * by its environment. Elsewhere, or where a program of another name has loaded the JVM, the line is
 * put together from what the JVM tells (for some 25 to 60 ms). That includes the options from the
 * environment, so the other Java must not get those variables.
 */
final class CommandLine {
  private static final Path LINUX_EXECUTABLE = Paths.get("/proc/self/exe");
  private static final Path LINUX_COMMAND_LINE = Paths.get("/proc/self/cmdline");

  private static final List<String> OPTION_VARIABLES =
      Collections.unmodifiableList(
          Arrays.asList("JDK_JAVA_OPTIONS", "JAVA_TOOL_OPTIONS", "_JAVA_OPTIONS"));

  private final List<byte[]> words;
  private final Charset charset;
  private final List<String> variables;

  private CommandLine(List<byte[]> words, Charset charset, List<String> variables) {
    this.words = words;
    this.charset = charset;
    this.variables = variables;
  }

  /**
   * The command line of this process.
   *
   * @param args the program's arguments, used where the system doesn't tell the line
   */
  static CommandLine ofThisProcess(String[] args) {
    try {
      if (LINUX_EXECUTABLE.toRealPath().endsWith("java")) {
        return ofLinux(Files.readAllBytes(LINUX_COMMAND_LINE), platformCharset());
      }
    } catch (IOException notTold) {
      // As on any other system.
    }
    return ofJvm(
        ManagementFactory.getRuntimeMXBean().getInputArguments(),
        System.getProperty("java.class.path"),
        args);
  }

  /**
   * The line of a process on Linux.
   *
   * @param told what the kernel tells: every word with a 0 after it
   * @param charset what this Java encodes the words of a command with
   */
  static CommandLine ofLinux(byte[] told, Charset charset) {
    List<byte[]> words = new ArrayList<>();
    int start = 0;
    for (int i = 0; i < told.length; i++) {
      if (told[i] == 0) {
        words.add(Arrays.copyOfRange(told, start, i));
        start = i + 1;
      }
    }
    return new CommandLine(
        words.subList(1, words.size()), charset, Collections.<String>emptyList());
  }

  /**
   * The line put together anew.
   *
   * @param options the JVM's options
   * @param classPath the class path, with the jar on it
   * @param args the program's arguments
   */
  static CommandLine ofJvm(List<String> options, String classPath, String[] args) {
    List<String> line = new ArrayList<>(options);
    line.addAll(Arrays.asList("-cp", classPath, Launcher.class.getName()));
    line.addAll(Arrays.asList(args));
    return new CommandLine(
        encoded(line, StandardCharsets.UTF_8), StandardCharsets.UTF_8, OPTION_VARIABLES);
  }

  /** The charset by which {@link ProcessBuilder} of this Java encodes a command on Linux. */
  private static Charset platformCharset() {
    String ofSystem = System.getProperty("sun.jnu.encoding");
    boolean used = JavaHome.feature(System.getProperty("java.specification.version")) >= 18;
    return used && Charset.isSupported(ofSystem)
        ? Charset.forName(ofSystem)
        : Charset.defaultCharset();
  }

  /** This line for another Java and with more options, as the system wants it. */
  List<byte[]> encoded(String java, List<String> options) {
    List<byte[]> line = new ArrayList<>();
    line.add(java.getBytes(charset));
    line.addAll(encoded(options, charset));
    line.addAll(words);
    return line;
  }

  /** This line for another Java and with more options, as {@link ProcessBuilder} wants it. */
  List<String> words(String java, List<String> options) {
    List<String> line = new ArrayList<>();
    for (byte[] word : encoded(java, options)) {
      line.add(new String(word, charset));
    }
    return line;
  }

  /**
   * All texts in which the user may have given options to the JVM: the words of this line, and
   * variables of the environment.
   */
  List<String> given(Map<String, String> environment) {
    List<String> given = new ArrayList<>();
    for (byte[] word : words) {
      given.add(new String(word, charset));
    }
    for (String variable : OPTION_VARIABLES) {
      given.add(environment.getOrDefault(variable, ""));
    }
    return given;
  }

  /** The environment variables whose options are part of this line. */
  List<String> variables() {
    return variables;
  }

  private static List<byte[]> encoded(List<String> line, Charset charset) {
    List<byte[]> words = new ArrayList<>();
    for (String word : line) {
      words.add(word.getBytes(charset));
    }
    return words;
  }
}
