package io.github.wandacuda.launcher;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

/**
 * The command line of this process, to start another Java in the same way: new options come first,
 * everything else is as the user gave it.
 *
 * <p>On Linux the system gives the command line byte for byte, in 0.1 ms. Options from the
 * environment ({@code JAVA_TOOL_OPTIONS}, {@code JDK_JAVA_OPTIONS}) aren't part of it and reach the
 * other Java by its environment. On other systems, or if a program of another name has loaded the
 * JVM, the line is assembled from what the JVM says, in some 25 to 60 ms. That includes the options
 * from the environment, so the other Java must not get those variables.
 */
final class CommandLine {
  private static final Path LINUX_EXECUTABLE = Path.of("/proc/self/exe");
  private static final Path LINUX_COMMAND_LINE = Path.of("/proc/self/cmdline");

  private static final List<String> OPTION_VARIABLES =
      List.of("JDK_JAVA_OPTIONS", "JAVA_TOOL_OPTIONS", "_JAVA_OPTIONS");

  private final List<byte[]> words;
  private final Charset charset;
  private final List<String> variables;

  private CommandLine(List<byte[]> words, Charset charset, List<String> variables) {
    this.words = words;
    this.charset = charset;
    this.variables = variables;
  }

  /**
   * Returns the command line of this process; the arguments count if the system doesn't give it.
   */
  static CommandLine ofThisProcess(String[] args) {
    try {
      if (LINUX_EXECUTABLE.toRealPath().endsWith("java")) {
        return ofLinux(Files.readAllBytes(LINUX_COMMAND_LINE), platformCharset());
      }
    } catch (IOException notTold) {
      // The line is assembled, as on other systems.
    }
    return ofJvm(
        ManagementFactory.getRuntimeMXBean().getInputArguments(),
        System.getProperty("java.class.path"),
        args);
  }

  /** Returns the line of a process on Linux, from the kernel's words, each with a 0 after it. */
  static CommandLine ofLinux(byte[] told, Charset charset) {
    List<byte[]> words = new ArrayList<>();
    int start = 0;
    for (int i = 0; i < told.length; i++) {
      if (told[i] == 0) {
        words.add(Arrays.copyOfRange(told, start, i));
        start = i + 1;
      }
    }
    return new CommandLine(words.subList(1, words.size()), charset, List.of());
  }

  static CommandLine ofJvm(List<String> options, String classPath, String[] args) {
    List<String> line = new ArrayList<>(options);
    line.addAll(Arrays.asList("-cp", classPath, Launcher.class.getName()));
    line.addAll(Arrays.asList(args));
    return new CommandLine(
        encoded(line, StandardCharsets.UTF_8), StandardCharsets.UTF_8, OPTION_VARIABLES);
  }

  /** Returns the charset in which {@link ProcessBuilder} encodes a command on Linux. */
  private static Charset platformCharset() {
    String ofSystem = System.getProperty("sun.jnu.encoding");
    return Charset.isSupported(ofSystem) ? Charset.forName(ofSystem) : Charset.defaultCharset();
  }

  /** Returns this line for another Java and with more options, in bytes. */
  List<byte[]> encoded(String java, List<String> options) {
    List<byte[]> line = new ArrayList<>();
    line.add(java.getBytes(charset));
    line.addAll(encoded(options, charset));
    line.addAll(words);
    return line;
  }

  /** Returns this line for another Java and with more options, for {@link ProcessBuilder}. */
  List<String> words(String java, List<String> options) {
    List<String> line = new ArrayList<>();
    for (byte[] word : encoded(java, options)) {
      line.add(new String(word, charset));
    }
    return line;
  }

  /** Returns all texts that may hold JVM options: this line's words and variables. */
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
