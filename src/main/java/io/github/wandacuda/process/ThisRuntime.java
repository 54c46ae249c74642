package io.github.wandacuda.process;

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

  /** Whether the module is part of this Java's image, so that {@code --add-modules} finds it. */
  public static boolean contains(String module) {
    return ModuleFinder.ofSystem().find(module).isPresent();
  }

  /** Whether the class path may call native code without a warning of the JVM. */
  public static boolean hasNativeAccess() {
    return ThisRuntime.class.getModule().isNativeAccessEnabled();
  }
}
