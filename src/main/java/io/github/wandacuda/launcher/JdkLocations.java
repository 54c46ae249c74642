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
 * The places where a JDK may be, in this order: what {@code JAVA_HOME} and {@code JDK_HOME} name,
 * beside the running Java, where the system's packages and tools install JDKs, and what {@code
 * PATH} leads to.
 */
final class JdkLocations {
  /** Paths from a JDK's directory to its home; other than empty on macOS and with Homebrew. */
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
   * Creates the places of a machine.
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

  /** Returns the homes that the user's variables name, whether their paths are absolute or not. */
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

  /** Returns all directories that may be a JDK's home; most of them don't exist. */
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

  /**
   * Adds the JDKs beside the running Java, except on Windows, where it can't be checked who may
   * write there.
   */
  private void addSiblings(List<Path> homes) {
    if (!system.startsWith("windows")) {
      addChildren(siblings(), homes);
    }
  }

  /** Returns the directory that holds the running Java's directory. */
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

  /**
   * Adds the homes of the commands on PATH, which are mostly links to a file in a home's directory
   * bin.
   */
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

  /**
   * Adds the directories in a directory, unless its path is relative: the user may not know what is
   * in the current directory.
   */
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

  /** Returns the directory of a name, or null if it is no path. */
  private static Path directory(String name) {
    try {
      return name.isEmpty() ? null : Paths.get(name);
    } catch (InvalidPathException notOne) {
      return null;
    }
  }
}
