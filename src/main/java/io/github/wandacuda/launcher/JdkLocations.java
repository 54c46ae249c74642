package io.github.wandacuda.launcher;

import java.io.File;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * The places where a JDK may be, in this order: what {@code JAVA_HOME} names, beside the running
 * Java, and the system's folder for JDKs.
 */
final class JdkLocations {
  /** Paths from a JDK's directory to its home; other than empty on macOS. */
  private static final List<String> INSIDE = Arrays.asList("", "Contents/Home");

  private static final List<String> LINUX = Arrays.asList("usr/lib/jvm", "usr/lib64/jvm");

  private static final String MAC = "Library/Java/JavaVirtualMachines";

  /** In {@code Program Files}, where each vendor has a folder: Temurin's and Oracle's. */
  private static final List<String> WINDOWS = Arrays.asList("Eclipse Adoptium", "Java");

  private final String system;
  private final Map<String, String> environment;
  private final Path root;
  private final Path running;

  /** Creates the places of a machine with a file system's root and the home of a running Java. */
  JdkLocations(String system, Map<String, String> environment, Path root, Path running) {
    this.system = system.toLowerCase(Locale.ROOT);
    this.environment = environment;
    this.root = root;
    this.running = running;
  }

  static JdkLocations ofThisMachine() {
    return new JdkLocations(
        System.getProperty("os.name"),
        System.getenv(),
        Paths.get(File.separator),
        Paths.get(System.getProperty("java.home")));
  }

  /** Returns what {@code JAVA_HOME} names, an absolute path or not; null if it names nothing. */
  Path named() {
    return directory("JAVA_HOME");
  }

  /** Returns all directories that may be a JDK's home; most of them don't exist. */
  List<Path> homes() {
    List<Path> homes = new ArrayList<>();
    if (named() != null) {
      homes.add(named());
    }
    if (system.startsWith("windows")) {
      // Who may write beside the running Java can't be checked there.
      Path programs = directory("ProgramFiles");
      for (String vendor : WINDOWS) {
        addChildren(programs == null ? null : programs.resolve(vendor), homes);
      }
      return homes;
    }
    addChildren(siblings(), homes);
    for (String place : system.startsWith("mac") ? Arrays.asList(MAC) : LINUX) {
      addChildren(root.resolve(place), homes);
    }
    return homes;
  }

  /** Returns the directory that holds the running Java's directory. */
  private Path siblings() {
    if (running.endsWith("Contents/Home")) {
      return running.resolve("../../..").normalize();
    }
    // Java 8 runs from the directory jre of a JDK.
    return running.resolve(running.endsWith("jre") ? "../.." : "..").normalize();
  }

  /** Adds a directory's directories, if absolute: users may not know what the current one has. */
  private static void addChildren(Path directory, List<Path> homes) {
    boolean known = directory != null && directory.isAbsolute();
    String[] children = known ? directory.toFile().list() : null;
    if (children == null) {
      return;
    }
    Arrays.sort(children);
    for (String child : children) {
      for (String inside : INSIDE) {
        homes.add(directory.resolve(child).resolve(inside));
      }
    }
  }

  /** Returns the directory that a variable names, or null if it names none. */
  private Path directory(String variable) {
    String name = environment.get(variable);
    try {
      return name == null || name.isEmpty() ? null : Paths.get(name);
    } catch (InvalidPathException notOne) {
      return null;
    }
  }
}
