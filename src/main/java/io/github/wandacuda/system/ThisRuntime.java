package io.github.wandacuda.system;

import java.io.File;
import java.lang.module.ModuleDescriptor;
import java.lang.module.ModuleFinder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.regex.Pattern;

/** Modules and rights of the running Java. */
public final class ThisRuntime {
  /** The module of the Vector API, which a JVM has only where it was asked for. */
  public static final String VECTOR_MODULE = "jdk.incubator.vector";

  private ThisRuntime() {}

  /**
   * Returns this program's version, from its module or its jar's manifest.
   *
   * @return {@code development} if it doesn't run from its jar
   */
  public static String programVersion() {
    // Java doesn't read a manifest for the packages of a module.
    return Optional.ofNullable(ThisRuntime.class.getModule().getDescriptor())
        .flatMap(ModuleDescriptor::rawVersion)
        .or(() -> Optional.ofNullable(ThisRuntime.class.getPackage().getImplementationVersion()))
        .orElse("development");
  }

  /**
   * Returns a class path with which another Java finds all classes of this one: its class path, and
   * the jars on its module path.
   */
  public static String classPath() {
    List<String> entries = new ArrayList<>();
    entries.add(System.getProperty("java.class.path", ""));
    String modules = System.getProperty("jdk.module.path", "");
    for (String entry : modules.split(Pattern.quote(File.pathSeparator))) {
      entries.add(entry);
      if (Files.isDirectory(Path.of(entry))) {
        // On a module path a folder may hold modules as jars.
        entries.add(entry + File.separator + "*");
      }
    }
    entries.removeIf(String::isEmpty);
    return String.join(File.pathSeparator, entries);
  }

  /** Returns whether a module is resolved in this run, so that its classes can be used. */
  public static boolean hasResolved(String module) {
    // If the module is missing, findModule is 20 ms slower: it streams over the parent layers.
    for (Module each : ModuleLayer.boot().modules()) {
      if (each.getName().equals(module)) {
        return true;
      }
    }
    return false;
  }

  /**
   * Returns whether the classes of {@link #VECTOR_MODULE} can be used; also if the launcher loaded
   * the module after the boot layer was made.
   */
  public static boolean hasVectors() {
    try {
      Class.forName(VECTOR_MODULE + ".Vector", false, ThisRuntime.class.getClassLoader());
      return true;
    } catch (ClassNotFoundException missing) {
      return false;
    }
  }

  /**
   * Loads a module of this Java's image into this run, with the method that the JVM itself uses for
   * agents. Its classes are then the same as with {@code --add-modules}, but the JVM prints no line
   * about an incubator module. This needs what {@link #canLoad} checks.
   *
   * @return whether it worked; the method isn't part of the API and may be missing
   */
  public static boolean load(String module) {
    try {
      Class.forName("jdk.internal.module.Modules")
          .getMethod("loadModule", String.class)
          .invoke(null, module);
      return true;
    } catch (ReflectiveOperationException | LinkageError otherJava) {
      return false;
    }
  }

  /** Returns whether {@code java.base} exports {@code jdk.internal.module} to the class path. */
  public static boolean canLoad() {
    return Object.class
        .getModule()
        .isExported("jdk.internal.module", ThisRuntime.class.getModule());
  }

  /**
   * Returns whether a module is part of this Java's image, so that {@code --add-modules} finds it.
   */
  public static boolean contains(String module) {
    return ModuleFinder.ofSystem().find(module).isPresent();
  }

  /** Returns all live threads of this process, without virtual ones. */
  public static List<Thread> threads() {
    return List.copyOf(Thread.getAllStackTraces().keySet());
  }

  /** Returns whether the class path may call native code without a warning of the JVM. */
  public static boolean hasNativeAccess() {
    return ThisRuntime.class.getModule().isNativeAccessEnabled();
  }
}
