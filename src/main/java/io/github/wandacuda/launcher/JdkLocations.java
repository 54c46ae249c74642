package io.github.wandacuda.launcher;

import java.io.File;
import java.io.IOException;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * Where a JDK may be: what {@code JAVA_HOME} and {@code JDK_HOME} name, beside the running Java,
 * where the system's packages and the tools that install JDKs put them, and what {@code PATH} leads
 * to; in this order.
 */
final class JdkLocations {
  /** What lies between a JDK's directory and its home, on macOS and for Homebrew. */
  private static final List<String> INSIDE =
      Arrays.asList("", "Contents/Home", "libexec", "libexec/openjdk.jdk/Contents/Home");

  private static final List<String> NAMING = Arrays.asList("JAVA_HOME", "JDK_HOME");

  private static final List<String> LINUX =
      Arrays.asList(
          "usr/lib/jvm",
          "usr/lib64/jvm",
          "usr/lib32/jvm",
          "usr/java",
          "usr/local/java",
          "usr/local/lib/jvm",
          "usr/local",
          "opt/java",
          "opt/jdk",
          "opt",
          "home/linuxbrew/.linuxbrew/opt");

  private static final List<String> MAC =
      Arrays.asList("Library/Java/JavaVirtualMachines", "opt/homebrew/opt", "usr/local/opt");

  private static final List<String> WINDOWS_VENDORS =
      Arrays.asList(
          "Eclipse Adoptium",
          "Java",
          "Microsoft",
          "Amazon Corretto",
          "Zulu",
          "BellSoft",
          "Semeru",
          "SapMachine",
          "OpenJDK");

  private static final List<String> OF_USER =
      Arrays.asList(
          ".sdkman/candidates/java",
          ".jdks",
          ".jenv/versions",
          ".asdf/installs/java",
          ".local/share/mise/installs/java",
          ".gradle/jdks",
          "Library/Java/JavaVirtualMachines");

  private final String system;
  private final Map<String, String> environment;
  private final Path root;
  private final Path user;
  private final Path running;

  /**
   * Places of a machine.
   *
   * @param system the system's name, as in {@code os.name}
   * @param environment the environment's variables
   * @param root the file system's root
   * @param user the user's directory
   * @param running the home of the running Java
   */
  JdkLocations(String system, Map<String, String> environment, Path root, Path user, Path running) {
    this.system = system.toLowerCase(Locale.ROOT);
    this.environment = environment;
    this.root = root;
    this.user = user;
    this.running = running;
  }

  static JdkLocations ofThisMachine() {
    return new JdkLocations(
        System.getProperty("os.name"),
        System.getenv(),
        Paths.get(File.separator),
        Paths.get(System.getProperty("user.home")),
        Paths.get(System.getProperty("java.home")));
  }

  /** What the user's variables name as a JDK's home, be it an absolute path or not. */
  Map<String, Path> named() {
    Map<String, Path> named = new LinkedHashMap<>();
    for (String name : NAMING) {
      Path home = directory(variable(name));
      if (home != null) {
        named.put(name, home);
      }
    }
    return named;
  }

  /** All directories that may be a JDK's home; most of them may not exist. */
  List<Path> homes() {
    List<Path> homes = new ArrayList<>(named().values());
    addSiblings(homes);
    if (system.startsWith("windows")) {
      addWindows(homes);
    } else {
      for (String place : system.startsWith("mac") ? MAC : LINUX) {
        addChildren(root.resolve(place), homes);
      }
    }
    addOfUser(homes);
    addPath(homes);
    return homes;
  }

  /** Windows doesn't tell who may write there, so that only places of its own order count. */
  private void addSiblings(List<Path> homes) {
    if (!system.startsWith("windows")) {
      addChildren(siblings(), homes);
    }
  }

  /** The directory that holds the running Java's directory. */
  private Path siblings() {
    if (running.endsWith("Contents/Home")) {
      return running.resolve("../../..").normalize();
    }
    // Java 8 runs from the directory jre of a JDK.
    return running.resolve(running.endsWith("jre") ? "../.." : "..").normalize();
  }

  private void addWindows(List<Path> homes) {
    for (String vendor : WINDOWS_VENDORS) {
      addChildrenBelowVariable("ProgramFiles", vendor, homes);
      addChildrenBelowVariable("ProgramW6432", vendor, homes);
      addChildrenBelowVariable("LOCALAPPDATA", "Programs/" + vendor, homes);
    }
  }

  private void addOfUser(List<Path> homes) {
    addChildrenBelowVariable("SDKMAN_CANDIDATES_DIR", "java", homes);
    addChildrenBelowVariable("SDKMAN_DIR", "candidates/java", homes);
    addChildrenBelowVariable("ASDF_DATA_DIR", "installs/java", homes);
    for (String place : OF_USER) {
      addChildren(user.resolve(place), homes);
    }
  }

  /** A java on PATH is mostly a link to the one in its home's directory bin. */
  private void addPath(List<Path> homes) {
    for (String entry : variable("PATH").split(File.pathSeparator)) {
      Path directory = directory(entry);
      if (directory == null || !directory.isAbsolute()) {
        continue;
      }
      try {
        Path java = directory.resolve(JavaHome.COMMAND).toRealPath();
        homes.add(java.resolve("../..").normalize());
      } catch (IOException noJava) {
        continue;
      }
    }
  }

  private void addChildrenBelowVariable(String name, String below, List<Path> homes) {
    Path directory = directory(variable(name));
    if (directory != null) {
      addChildren(directory.resolve(below), homes);
    }
  }

  /** Not below the current directory: whoever works in it need not know what lies there. */
  private static void addChildren(Path directory, List<Path> homes) {
    String[] children = directory.isAbsolute() ? directory.toFile().list() : null;
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

  private String variable(String name) {
    String value = environment.get(name);
    return value == null ? "" : value;
  }

  /** The directory that a variable names, or null if it names none. */
  private static Path directory(String name) {
    try {
      return name.isEmpty() ? null : Paths.get(name);
    } catch (InvalidPathException notOne) {
      return null;
    }
  }
}
