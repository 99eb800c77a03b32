package main

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/dynamicpb"
	"google.golang.org/protobuf/types/known/anypb"

	// What the details of errors are.
	_ "google.golang.org/genproto/googleapis/rpc/errdetails"
)

// findMethod returns a method of the contract by package.Service/Method.
func findMethod(path string) (protoreflect.MethodDescriptor, error) {
	service, method, _ := strings.Cut(path, "/")
	found, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(service))
	if described, is := found.(protoreflect.ServiceDescriptor); err == nil && is {
		if m := described.Methods().ByName(protoreflect.Name(method)); m != nil {
			return m, nil
		}
	}
	return nil, fmt.Errorf("method: there is no %q", path)
}

// encode returns a request as the vector has it, for the wire.
func encode(message protoreflect.MessageDescriptor, value any) ([]byte, error) {
	var appended []byte
	if members, is := value.(map[string]any); is {
		if text, has := members["$append"]; has {
			var err error
			if appended, err = base64.StdEncoding.DecodeString(fmt.Sprint(text)); err != nil {
				return nil, fmt.Errorf("$append: %w", err)
			}
			delete(members, "$append")
		}
	}
	text, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	dynamic := dynamicpb.NewMessage(message)
	if err := protojson.Unmarshal(text, dynamic); err != nil {
		return nil, err
	}
	encoded, err := proto.Marshal(dynamic)
	return append(encoded, appended...), err
}

// decode returns a response as canonical JSON, with unknown fields.
func decode(message protoreflect.MessageDescriptor, wire []byte) (any, error) {
	dynamic := dynamicpb.NewMessage(message)
	if err := proto.Unmarshal(wire, dynamic); err != nil {
		return nil, err
	}
	return toJSON(dynamic)
}

// toJSON returns a message as canonical JSON, in which $unknown holds unknown fields.
func toJSON(m protoreflect.Message) (any, error) {
	if packed, is := m.Interface().(*anypb.Any); is {
		return unpack(packed)
	}
	name := m.Descriptor().FullName()
	if name == "google.protobuf.Any" {
		fields := m.Descriptor().Fields()
		return unpack(&anypb.Any{
			TypeUrl: m.Get(fields.ByName("type_url")).String(), Value: m.Get(fields.ByName("value")).Bytes(),
		})
	}
	if strings.HasPrefix(string(name), "google.protobuf.") && name != "google.protobuf.Empty" {
		// A form of its own, in which there is no place for unknown fields.
		text, err := protojson.Marshal(m.Interface())
		if err != nil {
			return nil, err
		}
		var value any
		return value, strict(text, &value)
	}
	return members(m)
}

func members(m protoreflect.Message) (object map[string]any, err error) {
	object = map[string]any{}
	m.Range(func(field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		object[field.JSONName()], err = fieldJSON(field, value)
		return err == nil
	})
	if unknown := m.GetUnknown(); len(unknown) > 0 {
		object["$unknown"] = base64.StdEncoding.EncodeToString(unknown)
	}
	return object, err
}

func unpack(packed *anypb.Any) (any, error) {
	message, err := packed.UnmarshalNew()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", packed.GetTypeUrl(), err)
	}
	value, err := toJSON(message.ProtoReflect())
	if err != nil {
		return nil, err
	}
	object, is := value.(map[string]any)
	if !is {
		object = map[string]any{"value": value}
	}
	object["@type"] = packed.GetTypeUrl()
	return object, nil
}

func fieldJSON(field protoreflect.FieldDescriptor, value protoreflect.Value) (any, error) {
	switch {
	case field.IsMap():
		object := map[string]any{}
		var err error
		value.Map().Range(func(key protoreflect.MapKey, value protoreflect.Value) bool {
			object[key.String()], err = single(field.MapValue(), value)
			return err == nil
		})
		return object, err
	case field.IsList():
		list := []any{}
		for i := range value.List().Len() {
			element, err := single(field, value.List().Get(i))
			if err != nil {
				return nil, err
			}
			list = append(list, element)
		}
		return list, nil
	}
	return single(field, value)
}

func single(field protoreflect.FieldDescriptor, value protoreflect.Value) (any, error) {
	switch field.Kind() {
	case protoreflect.MessageKind:
		return toJSON(value.Message())
	case protoreflect.EnumKind:
		if known := field.Enum().Values().ByNumber(value.Enum()); known != nil {
			return string(known.Name()), nil
		}
		return json.Number(strconv.Itoa(int(value.Enum()))), nil
	case protoreflect.BoolKind:
		return value.Bool(), nil
	case protoreflect.StringKind:
		return value.String(), nil
	case protoreflect.BytesKind:
		return base64.StdEncoding.EncodeToString(value.Bytes()), nil
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind, protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		return json.Number(value.String()), nil
	case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind, protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return value.String(), nil
	}
	return nil, errors.New(string(field.FullName()) + " is of a kind that no contract has had so far")
}
