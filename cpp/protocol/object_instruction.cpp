// Encoding and decoding of ObjectInstruction.
#include "protocol/object_instruction.h"

#include "protocol/fields.h"
#include "protocol/frame_builder.h"
#include "protocol/frame_size.h"
#include "protocol/guarded.h"

namespace scaler::protocol {

namespace {

void fillMetadata(const ObjectInstructionView& instruction, ::ObjectMetadata::Builder builder) {
    if (!instruction.object_ids.empty()) {
        fillDataList(builder.initObjectIds(static_cast<unsigned>(instruction.object_ids.size())),
                     instruction.object_ids);
    }
    if (!instruction.object_types.empty()) {
        auto types = builder.initObjectTypes(static_cast<unsigned>(instruction.object_types.size()));
        for (unsigned i = 0; i < instruction.object_types.size(); ++i) {
            types.set(i, static_cast<::ObjectMetadata::ObjectContentType>(instruction.object_types[i]));
        }
    }
    if (!instruction.object_names.empty()) {
        fillDataList(builder.initObjectNames(static_cast<unsigned>(instruction.object_names.size())),
                     instruction.object_names);
    }
}

}  // namespace

std::size_t encodedSizeBytes(const ObjectInstructionView& instruction) {
    return FrameSize()
        .addStruct<::ObjectInstruction>()
        .addData(instruction.object_user.size())
        .addStruct<::ObjectMetadata>()
        .addDataList(instruction.object_ids)
        .addEnumList(instruction.object_types.size())
        .addDataList(instruction.object_names)
        .bytes();
}

void encode(const ObjectInstructionView& instruction, std::span<std::byte> out) {
    guarded("cannot encode an ObjectInstruction", [&] {
        FrameBuilder frame(out);
        auto builder = frame.message().initObjectInstruction();
        builder.setInstructionType(
            static_cast<::ObjectInstruction::ObjectInstructionType>(instruction.instruction_type));
        builder.setObjectUser(toData(instruction.object_user));
        fillMetadata(instruction, builder.initObjectMetadata());
        frame.finish();
    });
}

ObjectInstructionView decodeObjectInstruction(const FrameReader& frame) {
    frame.require(MessageKind::OBJECT_INSTRUCTION);
    return guarded("malformed ObjectInstruction", [&] {
        const auto reader = frame.message().getObjectInstruction();
        const auto metadata = reader.getObjectMetadata();
        ObjectInstructionView instruction;
        instruction.instruction_type = static_cast<std::uint16_t>(reader.getInstructionType());
        instruction.object_user = fromData(reader.getObjectUser());
        instruction.object_ids = fromDataList(metadata.getObjectIds());
        instruction.object_names = fromDataList(metadata.getObjectNames());
        const auto types = metadata.getObjectTypes();
        instruction.object_types.reserve(types.size());
        for (const auto type : types) {
            instruction.object_types.push_back(static_cast<std::uint16_t>(type));
        }
        return instruction;
    });
}

}  // namespace scaler::protocol
