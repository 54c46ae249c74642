package io.github.wandacuda.system;

import java.lang.module.ModuleFinder;

/** What the running Java has and what this class path may do in it. */
public final class ThisRuntime {
  private ThisRuntime() {}

  /** Whether the module takes part in this run, so that its classes can be used. */
  public static boolean hasResolved(String module) {
    // findModule is 20 ms slower where the module is missing: it streams over the parent layers.
    for (Module each : ModuleLayer.boot().modules()) {
      if (each.getName().equals(module)) {
        return true;
      }
    }
    return false;
  }

  /**
   * Brings a module of this Java's image into this run, by the method with which the JVM itself
   * does it for agents. Its classes are then as they are by {@code --add-modules}, but the JVM
   * prints no line about an incubator module. Works where {@code java.base} exports {@code
   * jdk.internal.module} to the class path.
   *
   * @return whether it worked: the method is no part of the API
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

  /** Whether the module is part of this Java's image, so that {@code --add-modules} finds it. */
  public static boolean contains(String module) {
    return ModuleFinder.ofSystem().find(module).isPresent();
  }

  /** Whether the class path may call native code without a warning of the JVM. */
  public static boolean hasNativeAccess() {
    return ThisRuntime.class.getModule().isNativeAccessEnabled();
  }
}
