package io.github.wandacuda.launcher;

import java.io.File;
import java.io.IOException;
import java.io.Reader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.util.Arrays;
import java.util.List;
import java.util.Properties;

/** An installed Java, as the file {@code release} in its directory describes it. */
final class JavaHome {
  /** The file name of the command that starts a Java. */
  static final String COMMAND = File.separatorChar == '\\' ? "java.exe" : "java";

  private static final String RELEASE = "release";

  private final Path path;
  private final String version;
  private final boolean suitable;

  private JavaHome(Path path, String version, boolean suitable) {
    this.path = path;
    this.version = version;
    this.suitable = suitable;
  }

  /** Returns the Java that runs this process, which the caller knows to be suitable. */
  static JavaHome ofThisProcess() {
    return new JavaHome(
        Paths.get(System.getProperty("java.home")), System.getProperty("java.version"), true);
  }

  /** Returns the files by which a directory is recognized as a Java's home. */
  static List<Path> telling(Path path) {
    return Arrays.asList(path.resolve(RELEASE), java(path));
  }

  /** Returns the Java in a directory, or null if there is none that says its version. */
  static JavaHome read(Path path) {
    Path release = path.resolve(RELEASE);
    if (!Files.isRegularFile(release) || !Files.isExecutable(java(path))) {
      return null;
    }
    Properties properties = new Properties();
    try (Reader reader = Files.newBufferedReader(release, StandardCharsets.UTF_8)) {
      properties.load(reader);
    } catch (IOException | IllegalArgumentException unreadable) {
      return null;
    }
    String version = unquoted(properties.getProperty("JAVA_VERSION", ""));
    String modules = properties.getProperty("MODULES");
    boolean hasModule =
        modules == null || Arrays.asList(unquoted(modules).split(" ")).contains(Launcher.MODULE);
    return new JavaHome(path, version, hasModule && feature(version) >= Launcher.JAVA);
  }

  /**
   * Returns the feature number of a Java version: 8 of 1.8.0_392, 25 of 25.0.3; 0 if there is none.
   */
  static int feature(String version) {
    String counted = version.startsWith("1.") ? version.substring(2) : version;
    int end = 0;
    while (end < counted.length() && end < 4 && Character.isDigit(counted.charAt(end))) {
      end++;
    }
    return end == 0 ? 0 : Integer.parseInt(counted.substring(0, end));
  }

  private static String unquoted(String value) {
    boolean quoted = value.length() > 1 && value.startsWith("\"") && value.endsWith("\"");
    return quoted ? value.substring(1, value.length() - 1) : value;
  }

  private static Path java(Path home) {
    return home.resolve("bin").resolve(COMMAND);
  }

  Path path() {
    return path;
  }

  String version() {
    return version;
  }

  /** Returns whether the program runs on it: new enough, and not without the module. */
  boolean isSuitable() {
    return suitable;
  }

  Path java() {
    return java(path);
  }
}
