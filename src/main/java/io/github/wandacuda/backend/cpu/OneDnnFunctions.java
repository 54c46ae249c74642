package io.github.wandacuda.backend.cpu;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import io.github.wandacuda.error.BackendUnavailableException;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;
import java.util.List;

/** The functions of oneDNN that are called here, by the C interface of its version 3. */
final class OneDnnFunctions {
  /** What the statuses from 0 on mean. */
  private static final List<String> STATUSES =
      List.of(
          "success",
          "out of memory",
          "invalid arguments",
          "unimplemented",
          "last implementation reached",
          "runtime error",
          "not required");

  final Function version;
  final Function instructions;
  final Function engineCreate;
  final Function engineDestroy;
  final Function streamCreate;
  final Function streamDestroy;
  final Function descriptorWithStrides;
  final Function descriptorWithTag;
  final Function descriptorSize;
  final Function descriptorDestroy;
  final Function memoryCreate;
  final Function memorySetHandle;
  final Function memoryDestroy;
  final Function attributesCreate;
  final Function attributesSetScratchpad;
  final Function attributesDestroy;
  final Function matmulDescribe;
  final Function reorderDescribe;
  final Function descriptionQuery;
  final Function descriptionDestroy;
  final Function primitiveCreate;
  final Function primitiveExecute;
  final Function primitiveDestroy;

  /**
   * Links the functions.
   *
   * @param library oneDNN, which stays loaded
   * @throws UnsatisfiedLinkError if it lacks one
   */
  OneDnnFunctions(SymbolLookup library) {
    version = function(library, "dnnl_version", ADDRESS);
    instructions = function(library, "dnnl_get_effective_cpu_isa", JAVA_INT);
    engineCreate = status(library, "dnnl_engine_create", ADDRESS, JAVA_INT, JAVA_LONG);
    engineDestroy = status(library, "dnnl_engine_destroy", ADDRESS);
    streamCreate = status(library, "dnnl_stream_create", ADDRESS, ADDRESS, JAVA_INT);
    streamDestroy = status(library, "dnnl_stream_destroy", ADDRESS);
    descriptorWithStrides =
        status(
            library,
            "dnnl_memory_desc_create_with_strides",
            ADDRESS,
            JAVA_INT,
            ADDRESS,
            JAVA_INT,
            ADDRESS);
    descriptorWithTag =
        status(
            library,
            "dnnl_memory_desc_create_with_tag",
            ADDRESS,
            JAVA_INT,
            ADDRESS,
            JAVA_INT,
            JAVA_INT);
    descriptorSize = function(library, "dnnl_memory_desc_get_size", JAVA_LONG, ADDRESS);
    descriptorDestroy = status(library, "dnnl_memory_desc_destroy", ADDRESS);
    memoryCreate = status(library, "dnnl_memory_create", ADDRESS, ADDRESS, ADDRESS, ADDRESS);
    memorySetHandle = status(library, "dnnl_memory_set_data_handle", ADDRESS, ADDRESS);
    memoryDestroy = status(library, "dnnl_memory_destroy", ADDRESS);
    attributesCreate = status(library, "dnnl_primitive_attr_create", ADDRESS);
    attributesSetScratchpad =
        status(library, "dnnl_primitive_attr_set_scratchpad_mode", ADDRESS, JAVA_INT);
    attributesDestroy = status(library, "dnnl_primitive_attr_destroy", ADDRESS);
    matmulDescribe =
        status(
            library,
            "dnnl_matmul_primitive_desc_create",
            ADDRESS,
            ADDRESS,
            ADDRESS,
            ADDRESS,
            ADDRESS,
            ADDRESS,
            ADDRESS);
    reorderDescribe =
        status(
            library,
            "dnnl_reorder_primitive_desc_create",
            ADDRESS,
            ADDRESS,
            ADDRESS,
            ADDRESS,
            ADDRESS,
            ADDRESS);
    descriptionQuery =
        function(library, "dnnl_primitive_desc_query_md", ADDRESS, ADDRESS, JAVA_INT, JAVA_INT);
    descriptionDestroy = status(library, "dnnl_primitive_desc_destroy", ADDRESS);
    primitiveCreate = status(library, "dnnl_primitive_create", ADDRESS, ADDRESS);
    primitiveExecute =
        status(library, "dnnl_primitive_execute", ADDRESS, ADDRESS, JAVA_INT, ADDRESS);
    primitiveDestroy = status(library, "dnnl_primitive_destroy", ADDRESS);
  }

  private static Function status(SymbolLookup library, String name, MemoryLayout... parameters) {
    return function(library, name, JAVA_INT, parameters);
  }

  private static Function function(
      SymbolLookup library, String name, MemoryLayout result, MemoryLayout... parameters) {
    return new Function(library, name, FunctionDescriptor.of(result, parameters));
  }

  /** A function of the library. */
  static final class Function {
    private final String name;
    private final MethodHandle handle;

    /**
     * Finds a function.
     *
     * @throws UnsatisfiedLinkError if the library lacks it
     */
    Function(SymbolLookup library, String name, FunctionDescriptor type) {
      this.name = name;
      handle =
          Linker.nativeLinker()
              .downcallHandle(
                  library
                      .find(name)
                      .orElseThrow(() -> new UnsatisfiedLinkError("it has no " + name)),
                  type);
    }

    /** Calls it and returns its result. */
    Object call(Object... arguments) {
      try {
        return handle.invokeWithArguments(arguments);
      } catch (Throwable e) {
        throw new IllegalStateException("a call of " + name + " failed", e);
      }
    }

    /**
     * Calls it for a status.
     *
     * @throws BackendUnavailableException if that is no success
     */
    void require(Object... arguments) {
      int status = (int) call(arguments);
      if (status != 0) {
        String said = status < STATUSES.size() ? STATUSES.get(status) : "status " + status;
        throw new BackendUnavailableException("oneDNN: %s failed: %s".formatted(name, said));
      }
    }
  }
}
